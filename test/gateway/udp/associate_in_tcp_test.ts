import assert from "node:assert/strict";
import { describe } from "node:test";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { addressText, ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { decodeDatagram, encodeHeader } from "../../../src/protocol/datagram.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { encodeFrame, frameSize, unframe } from "../../../src/protocol/udp_frame.ts";
import { joined, pattern } from "../../support/wire/bytes.ts";
import { Peer } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { UdpPeer } from "../../support/memory/udp_peer.ts";
import { relayTypes, replyHex, request, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";

const UNKNOWN = { host: "0.0.0.0", port: 0 }, SERVED = { udpInTcp: true };

function framed(to: SocketAddr, payload: string | Uint8Array): Uint8Array {
  const address = ipAddress(to.host, to.port) ?? nameAddress(to.host, to.port);
  return encodeFrame(encodeHeader(address), typeof payload === "string" ? new TextEncoder().encode(payload) : payload);
}

/** Datagrams as text, each after where it came from. */
function heard(client: Peer): string[] {
  let bytes = client.heardBytes();
  const texts: string[] = [];
  for (let size = frameSize(bytes); size !== undefined; size = frameSize(bytes)) {
    const frame = bytes.subarray(0, size);
    assert.ok(unframe(frame));
    const { address, payload } = decodeDatagram(frame);
    texts.push(`${addressText(address)} ${new TextDecoder().decode(payload)}`);
    bytes = bytes.subarray(size);
  }
  return texts;
}

async function associated(world: World, family: 4 | 6 = 4, tail?: Uint8Array): Promise<Peer> {
  const client = await world.request(Command.UdpInTcp, UNKNOWN, { family, tail });
  const reply = decodeReply(client.heardBytes())!;
  assert.equal(reply.value.reply, Reply.Succeeded);
  return client;
}

async function udpServer(world: World, host: string, port = 7): Promise<UdpPeer> {
  return new UdpPeer(await world.servers[host.includes(":") ? 6 : 4].bindUdp({ host, port }));
}

worldTest("UDP over TCP is refused with 07 unless the configuration enables it", {}, async (world) => {
  const client = await world.request(Command.UdpInTcp, UNKNOWN);
  assert.equal(client.heard(), replyHex(Reply.CommandNotSupported));
  await client.close();
});

describe("UDP over TCP (command 05)", () => {
  for (const { type, client, server } of relayTypes) {
    worldTest(`type ${type}: datagrams arrive complete with their real source, from segments of any size`, {
      settings: SERVED,
    }, async (world) => {
      const host = server === 4 ? SERVER4 : SERVER6;
      const there = await udpServer(world, host);
      const peer = await associated(world, client);
      const frames = joined(
        framed({ host, port: 7 }, "one"),
        framed({ host, port: 7 }, ""),
        framed({ host, port: 7 }, "two"),
      );
      for (const octet of frames) await peer.send(Uint8Array.of(octet));
      await peer.send(frames);
      const came = there.heard();
      assert.deepEqual(came.map(({ bytes }) => new TextDecoder().decode(bytes)), ["one", "", "two", "one", "", "two"]);
      const at = came[0]!.from.lastIndexOf(":");
      const from = {
        host: came[0]!.from.slice(0, at).replace(/[[\]]/g, ""),
        port: Number(came[0]!.from.slice(at + 1)),
      };
      await there.sendAll(from, ["1", "2"]);
      assert.deepEqual(heard(peer), [`${addressText({ host, port: 7 })} 1`, `${addressText({ host, port: 7 })} 2`]);
      await peer.close();
      assert.deepEqual(world.record.datagrams, { up: 6, down: 2 });
      assert.equal(world.record.command, Command.UdpInTcp);
      assert.equal(world.record.relayType, type);
      there.close();
    });
  }

  worldTest("datagrams right after the request are not lost", { settings: SERVED }, async (world) => {
    const there = await udpServer(world, SERVER4);
    const client = await associated(world, 4, framed({ host: SERVER4, port: 7 }, "early"));
    assert.equal(there.heard().length, 1);
    await client.close();
    there.close();
  });

  worldTest("applies the rules for UDP ASSOCIATE to each destination", {
    settings: SERVED,
    rules: [
      { action: "deny", to: ["203.0.113.0/24"], ports: [[8, 8]], commands: [Command.UdpAssociate] },
    ],
  }, async (world) => {
    const there = await udpServer(world, SERVER4);
    const client = await associated(world);
    await client.send(framed({ host: SERVER4, port: 8 }, "no"));
    await client.send(framed({ host: "127.0.0.1", port: 7 }, "no"));
    await client.send(framed({ host: SERVER4, port: 7 }, "yes"));
    assert.equal(there.heard().length, 1);
    await client.close();
    assert.deepEqual(world.record.dropped, { refused: 2 });
    there.close();
  });

  worldTest("is refused if a rule denies UDP ASSOCIATE", {
    settings: SERVED,
    rules: [{ action: "deny", commands: [Command.UdpAssociate] }],
  }, async (world) => {
    const client = await world.request(Command.UdpInTcp, UNKNOWN);
    assert.equal(client.heard(), replyHex(Reply.NotAllowed));
    await client.close();
  });

  worldTest("a malformed datagram is dropped, and the association continues", { settings: SERVED }, async (world) => {
    const there = await udpServer(world, SERVER4);
    const client = await associated(world);
    await client.send(
      joined(Uint8Array.of(0, 1, 10, 9, 1, 2, 3, 4, 0, 7, 1), framed({ host: SERVER4, port: 7 }, "good")),
    );
    assert.equal(there.heard().length, 1);
    await client.close();
    assert.deepEqual(world.record.dropped, { malformed: 1 });
    there.close();
  });

  worldTest(
    "an invalid header ends the association, because the next frame cannot be found",
    { settings: SERVED },
    async (world) => {
      const client = await associated(world);
      await client.send(Uint8Array.of(0, 0, 0, 1, 1));
      assert.equal(world.record.end, "protocol-error");
      await client.close();
    },
  );

  worldTest("a client that does not read has a bounded queue, and other datagrams count as lost", {
    settings: SERVED,
  }, async (world) => {
    const there = await udpServer(world, SERVER4);
    const peer = new Peer(await world.clients[4].connect({ host: "192.0.2.1", port: 1080 }), { paused: true });
    await peer.send(joined(Uint8Array.of(5, 1, 0), request(Command.UdpInTcp, UNKNOWN)));
    await peer.send(framed({ host: SERVER4, port: 7 }, "hello"));
    const at = there.heard()[0]!.from.split(":");
    const from = { host: at[0]!, port: Number(at[1]) };
    const size = 60_000, count = 40;
    for (let i = 0; i < count; i++) await there.send(from, pattern(size));
    await settle();
    const { dropped } = world.events.flatMap((event) => event.type === "session-opened" ? [event.session] : []).at(-1)!;
    const kept = count - dropped.lost!;
    assert.ok(dropped.lost! > 0 && kept * size < (256 << 10) + (64 << 10) + 2 * size, `${kept} of ${count} wait`);
    await peer.resume();
    await there.send(from, "after");
    assert.ok(peer.heardText().endsWith("after"), "it goes on");
    await peer.close();
    there.close();
  });

  worldTest("ends when the client disconnects or the gateway drains", { settings: SERVED }, async (world) => {
    const client = await associated(world);
    await client.finish();
    assert.equal(world.record.end, "end");
    const other = await associated(world, 6);
    await world.end();
    assert.equal(other.ended, "end");
  });
});
