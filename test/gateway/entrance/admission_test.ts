import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import { Command } from "../../../src/protocol/codes.ts";
import { encodeDatagram } from "../../../src/protocol/datagram.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { ipAddress } from "../../../src/protocol/address.ts";
import { bytes, joined } from "../../support/wire/bytes.ts";
import type { MemoryNet } from "../../support/memory/memory_net.ts";
import type { Peer } from "../../support/memory/peer.ts";
import { blockHeader, LOCAL, PROXY, TCP4, TCP6, UNSPEC } from "../../support/wire/proxy_header.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { CLIENT4, GATEWAY4, replyHex, request, SERVER4, type World, worldTest } from "../../support/memory/world.ts";

const PROXY4 = "198.51.100.200", REAL4 = "192.0.2.77", REAL6 = "2001:db8:77::7";
const proxies = [parsePrefix(PROXY4)!];
const destination = { host: SERVER4, port: 80 };

const line = (client = REAL4, gateway = GATEWAY4) =>
  new TextEncoder().encode(`PROXY TCP${client.includes(":") ? 6 : 4} ${client} ${gateway} 40000 1080\r\n`);
const block4 = blockHeader(PROXY, TCP4, bytes("c000024d c0000201 9c40 0438"), bytes("04 00 02 0000"));
const block6 = blockHeader(
  PROXY,
  TCP6,
  bytes("20010db8007700000000000000000007 20010db8000000000000000000000001 9c40 0438"),
);
const greeting = bytes("05 01 00");

function turnedAway(world: World): readonly string[] {
  return world.events.flatMap((event) =>
    event.type === "client-turned-away" ? [`${event.client.host} ${event.reason}`] : []
  );
}

/** A connection of the proxy. */
function fromProxy(world: World): Promise<Peer> {
  return world.client(4, proxyHost(world));
}

const hosts = new WeakMap<World, MemoryNet>();
function proxyHost(world: World): MemoryNet {
  let host = hosts.get(world);
  if (!host) hosts.set(world, host = world.internet.host(PROXY4));
  return host;
}

describe("A connection from a proxy", () => {
  for (
    const [what, header, client] of [
      ["version 1", line(), REAL4],
      ["version 1, IPv6", line(REAL6, "2001:db8::1"), REAL6],
      ["version 2", block4, REAL4],
      ["version 2, IPv6", block6, REAL6],
      ["version 1 UNKNOWN", bytes("'PROXY UNKNOWN' 0d0a"), PROXY4],
      ["version 2 LOCAL", blockHeader(LOCAL, UNSPEC), PROXY4],
    ] as const
  ) {
    const settings = { proxies, from: [parsePrefix(client)!] };
    worldTest(`has the client address of a ${what} header, from --from to the log`, { settings }, async (world) => {
      const server = await world.serve(destination);
      const peer = await fromProxy(world);
      await peer.send(joined(header, greeting));
      assert.equal(peer.heard(), "05 00");
      await peer.send(request(Command.Connect, destination));
      assert.equal(peer.heard(), replyHex(0, server.peer.socket.remoteAddr));
      await peer.send("'ping'");
      assert.equal(server.peer.heardText(), "ping");
      await server.peer.send("'pong'");
      assert.equal(peer.heardText(), "pong");
      await peer.finish();
      await server.peer.finish();
      assert.equal(world.record.client.host, client);
      assert.equal(world.record.relayType, client.includes(":") ? "C" : "A");
      server.close();
    });
  }

  worldTest("may deliver its header octet by octet", { settings: { proxies } }, async (world) => {
    for (const header of [line(), block6]) {
      const peer = await fromProxy(world);
      for (const octet of joined(header, greeting)) await peer.send(Uint8Array.of(octet));
      assert.equal(peer.heard(), "05 00");
      await peer.close();
    }
    assert.deepEqual(world.records.map(({ client: { host, port } }) => ({ host, port })), [
      { host: REAL4, port: 40_000 },
      { host: REAL6, port: 40_000 },
    ]);
  });

  worldTest(
    "may split header, greeting, request and data into any segments",
    { settings: { proxies } },
    async (world) => {
      const server = await world.serve(destination);
      const stream = joined(block4, greeting, request(Command.Connect, destination), bytes("'data'"));
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(stream.length), { maxLength: 6 }), async (cuts) => {
          const peer = await fromProxy(world);
          let start = 0;
          for (const end of [...cuts.toSorted((a, b) => a - b), stream.length]) {
            await peer.send(stream.subarray(start, end));
            start = end;
          }
          assert.equal(server.peer.heardText(), "data");
          assert.equal(peer.heard(), `05 00 ${replyHex(0, server.peer.socket.remoteAddr)}`);
          await peer.close();
          await server.peer.close();
        }),
        { numRuns: 40 },
      );
      assert.ok(world.records.every(({ client, end }) => client.host === REAL4 && end !== "protocol-error"));
      server.close();
    },
  );

  worldTest("is turned away if --from does not allow the client in its header", {
    settings: { proxies, from: [parsePrefix("198.51.100.0/24")!] },
  }, async (world) => {
    const peer = await fromProxy(world);
    await peer.send(joined(line(), greeting));
    assert.deepEqual([peer.heard(), peer.ended !== "no"], ["", true]);
    assert.deepEqual(turnedAway(world), [`${REAL4} client-not-allowed`]);
  });

  worldTest(
    "counts for the client in its header, not for the proxy",
    { settings: { proxies, maxSessionsPerClient: 1 } },
    async (world) => {
      const peers = [];
      for (const host of [REAL4, REAL6, REAL4]) {
        const peer = await fromProxy(world);
        await peer.send(joined(line(host, host === REAL4 ? GATEWAY4 : "2001:db8::1"), greeting));
        peers.push(peer);
      }
      assert.deepEqual(peers.map((peer) => peer.heard()), ["05 00", "05 00", ""]);
      assert.deepEqual(turnedAway(world), [`${REAL4} too-many-sessions-of-client`]);
      for (const peer of peers) await peer.close();
      const again = await fromProxy(world);
      await again.send(joined(line(), greeting));
      assert.equal(again.heard(), "05 00", "what it had is free again");
    },
  );

  worldTest("is judged by the rules as the client in its header", {
    settings: { proxies },
    rules: [{ from: [REAL4], action: "deny" }],
  }, async (world) => {
    const peer = await fromProxy(world);
    await peer.send(joined(line(), greeting, request(Command.Connect, destination)));
    assert.equal(peer.heard(), `05 00 ${replyHex(2)}`);
    await peer.close();
    await world.clock.advance(10_000);
  });

  for (
    const [what, octets] of [
      ["a SOCKS greeting without a header", greeting],
      ["a too long line", bytes(`'PROXY UNKNOWN ${"a".repeat(100)}'`)],
      ["a too long block", joined(block4.subarray(0, 14), bytes("ffff"))],
    ] as const
  ) {
    worldTest(
      `must begin with a header: ${what} is turned away at once`,
      { settings: { proxies } },
      async (world) => {
        const peer = await fromProxy(world);
        await peer.send(octets);
        assert.deepEqual([peer.heard(), peer.ended], ["", "end"]);
        assert.deepEqual(turnedAway(world), [`${PROXY4} bad-proxy-header`]);
        assert.deepEqual(world.records, []);
      },
    );
  }

  for (const size of [0, 1, 5, 20]) {
    worldTest(
      `is turned away after 3 s with ${size} octets of its header`,
      { settings: { proxies } },
      async (world) => {
        const peer = await fromProxy(world);
        if (size > 0) await peer.send(block4.subarray(0, size));
        await world.clock.advance(2_900);
        assert.equal(peer.ended, "no");
        await world.clock.advance(200);
        assert.equal(peer.ended, "end");
        assert.deepEqual(turnedAway(world), [`${PROXY4} late-proxy-header`]);
      },
    );
  }

  worldTest("that ends inside its header is turned away", { settings: { proxies } }, async (world) => {
    const peer = await fromProxy(world);
    await peer.send(block4.subarray(0, 20));
    await peer.finish();
    assert.deepEqual(turnedAway(world), [`${PROXY4} bad-proxy-header`]);
  });

  for (
    const [what, octets] of [
      ["nothing", ""],
      ["LOCAL", blockHeader(LOCAL, UNSPEC)],
      ["UNKNOWN", bytes("'PROXY UNKNOWN' 0d0a")],
    ] as const
  ) {
    for (const how of ["finish", "reset"] as const) {
      worldTest(`that sends ${what} and ends (${how}) is a health check, and causes no event`, {
        settings: { proxies, from: [parsePrefix("203.0.113.0/24")!] },
      }, async (world) => {
        const peer = await fromProxy(world);
        if (octets) await peer.send(octets);
        await peer[how]();
        assert.deepEqual(world.events.map(({ type }) => type), ["listening", "listening"]);
      });
    }
  }

  worldTest(
    "that sends its own address in version 1 and ends, as HAProxy does, is a health check too",
    {
      settings: { proxies, from: [parsePrefix("203.0.113.0/24")!] },
    },
    async (world) => {
      const peer = await fromProxy(world);
      const { host, port } = peer.socket.localAddr;
      await peer.send(new TextEncoder().encode(`PROXY TCP4 ${host} ${GATEWAY4} ${port} 1080\r\n`));
      await peer.reset();
      assert.deepEqual(turnedAway(world), []);
    },
  );

  worldTest(
    "without a complete header is closed at once by a drain",
    { settings: { proxies } },
    async (world) => {
      const peers = [await fromProxy(world), await fromProxy(world)];
      await peers[1]!.send(block4.subarray(0, 20));
      await world.gateway.drain(10_000);
      await settle();
      assert.deepEqual(peers.map(({ ended }) => ended !== "no"), [true, true]);
      assert.deepEqual(turnedAway(world), []);
    },
  );

  worldTest(
    "without a header does not block other clients, and counts in --max-sessions",
    { settings: { proxies, maxSessions: 3 } },
    async (world) => {
      const waiting = [await fromProxy(world), await fromProxy(world), await fromProxy(world)];
      const direct = await world.client();
      await direct.send(greeting);
      assert.equal(direct.heard(), "05 00");
      const more = await fromProxy(world);
      assert.equal(more.ended, "end");
      assert.deepEqual(turnedAway(world), [`${PROXY4} too-many-sessions`]);
      await waiting[0]!.close();
      const next = await fromProxy(world);
      await next.send(joined(line(), greeting));
      assert.equal(next.heard(), "05 00");
    },
  );

  worldTest(
    "has a UDP association for the client in its header only",
    { settings: { proxies } },
    async (world) => {
      const peer = await fromProxy(world);
      await peer.send(joined(line(CLIENT4), greeting, request(Command.UdpAssociate, { host: "0.0.0.0", port: 0 })));
      const reply = peer.heardBytes().subarray(2);
      const relay = { host: GATEWAY4, port: (reply[8]! << 8) | reply[9]! };
      const server = await world.servers[4].bindUdp({ host: SERVER4, port: 53 });
      const datagram = encodeDatagram(
        { fragment: 0, address: ipAddress(SERVER4, 53)!, payload: bytes("'query'") } as never,
      );
      const stranger = await proxyHost(world).bindUdp({ host: PROXY4, port: 0 });
      await stranger.send([{ bytes: datagram, addr: relay }]);
      await settle();
      const client = await world.clients[4].bindUdp({ host: CLIENT4, port: 0 });
      await client.send([{ bytes: datagram, addr: relay }]);
      await settle();
      assert.equal((await server.receive())!.length, 1);
      await peer.close();
      assert.deepEqual([world.record.datagrams.up, world.record.dropped], [1, { stranger: 1 }]);
      for (const socket of [server, stranger, client]) socket.close();
    },
  );

  worldTest("has a UDP association in the client's family, even if the proxy uses the other family", {
    settings: { proxies },
  }, async (world) => {
    const peer = await fromProxy(world);
    await peer.send(joined(block6, greeting, request(Command.UdpAssociate, { host: "::", port: 0 })));
    assert.match(peer.heard(), /^05 00 05 00 00 04 20 01 0d b8/);
    await peer.close();
  });
});

describe("A PROXY header from an untrusted source", () => {
  for (const [version, header] of [["1", line(CLIENT4)], ["2", block4]] as const) {
    worldTest(`is a protocol error in version ${version} (go-proxyproto CVE-2021-23409)`, {
      settings: { proxies, from: [parsePrefix("192.0.2.0/24")!, parsePrefix(CLIENT4)!] },
    }, async (world) => {
      const client = await world.client();
      await client.send(joined(header, greeting));
      const refused = version === "1" ? /^HTTP\/1\.1 400 / : /^$/;
      assert.match(client.heardText(), refused);
      assert.notEqual(client.ended, "no");
      await client.close();
      assert.deepEqual([world.record.client.host, world.record.end], [CLIENT4, "protocol-error"]);
    });
  }

  worldTest("is a protocol error if no proxy is configured", {}, async (world) => {
    const client = await world.client();
    await client.send(joined(line(), greeting));
    assert.match(client.heardText(), /^HTTP\/1\.1 400 /);
    await client.close();
    assert.equal(world.record.client.host, CLIENT4);
  });

  worldTest(
    "is a protocol error after the header of a trusted proxy",
    { settings: { proxies } },
    async (world) => {
      const peer = await fromProxy(world);
      await peer.send(joined(line(), line("203.0.113.9"), greeting));
      assert.match(peer.heardText(), /^HTTP\/1\.1 400 /);
      await peer.close();
      assert.deepEqual([world.record.client.host, world.record.end], [REAL4, "protocol-error"]);
    },
  );
});
