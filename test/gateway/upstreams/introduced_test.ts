import assert from "node:assert/strict";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { encodeReply } from "../../../src/protocol/request.ts";
import { addressText, ipAddress } from "../../../src/protocol/address.ts";
import { chainTest, ChainWorld, HOP1, HOP2, HOP3, type Link } from "../../support/network/chain.ts";
import { Peer, Server } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { UdpPeer } from "../../support/memory/udp_peer.ts";
import { CLIENT4, SERVER4 } from "../../support/memory/world.ts";
import { blockHeader, LOCAL, PROXY, TCP4 } from "../../support/wire/proxy_header.ts";
import { bytes, hex } from "../../support/wire/bytes.ts";

const FIRST6 = "2001:db8:2::11";

/** A gateway that goes on by `query`, and one behind it that believes what it is told. */
async function addTwo(world: ChainWorld, query: string): Promise<[near: Link, far: Link]> {
  const near = await world.add([HOP1], {
    others: [FIRST6],
    rules: [{ action: "allow", via: [`socks5://[${HOP2}]${query}`] }],
    settings: { udpInTcp: true },
  });
  const far = await world.add([HOP2], {
    others: ["203.0.113.12"],
    settings: { proxies: [parsePrefix(FIRST6)!], udpInTcp: true },
  });
  return [near, far];
}

for (const version of [1, 2] as const) {
  const query = `?proxy-protocol=${version}`;

  chainTest(
    `an upstream receives the client's address for CONNECT, BIND and UDP by PROXY protocol ${version}`,
    async (world) => {
      const [near, far] = await addTwo(world, `${query}&udp=tcp`);
      const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
      const client = world.via(`socks5://${HOP1}`);
      (await client.connect({ host: SERVER4, port: 80 })).close();
      await settle();
      await server.peer.close();
      const rendezvous = await client.bind({ host: SERVER4, port: 0 });
      const accepted = rendezvous.accept();
      const peer = new Peer(await world.server.connect(rendezvous.addr));
      (await accepted).socket.close();
      await settle();
      await peer.close();
      const udp = new UdpPeer(await world.server.bindUdp({ host: SERVER4, port: 53 }));
      const association = await client.associate();
      await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
      await settle();
      assert.equal(udp.heard().length, 1);
      association.close();
      await settle();
      udp.close();
      server.close();
      const told = (link: Link) => world.records(link).map(({ client }) => addressText(client));
      assert.equal(told(far).length, 3);
      assert.deepEqual(told(far), told(near));
      assert.deepEqual(world.records(far).map(({ client }) => client.host), Array(3).fill(CLIENT4));
    },
  );

  chainTest(
    `UDP ASSOCIATE has the gateway's own address in PROXY protocol ${version}, and the upstream accepts its datagrams`,
    async (world) => {
      const [near, far] = await addTwo(world, query);
      const udp = new UdpPeer(await world.server.bindUdp({ host: SERVER4, port: 53 }));
      const association = await world.via(`socks5://${HOP1}`).associate();
      await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
      await settle();
      assert.equal(udp.heard().length, 1);
      association.close();
      await settle();
      udp.close();
      assert.equal(world.records(near)[0]!.client.host, CLIENT4);
      assert.deepEqual(world.records(far).map(({ command, client }) => ({ command, host: client.host })), [
        { command: Command.UdpAssociate, host: FIRST6 },
      ]);
    },
  );
}

/** A gateway that tells what it hears, and lets everybody through. */
async function listening(world: ChainWorld, host: string): Promise<string[]> {
  const listener = await world.internet.host(host).listen({ host, port: 1080 });
  const heard: string[] = [];
  void (async () => {
    for (let socket = await listener.accept(); socket; socket = await listener.accept()) {
      const answers = ["05 00", hex(encodeReply(0, ipAddress("192.0.2.99", 9)))].map(bytes);
      for (let chunk = await socket.read(); chunk; chunk = await socket.read()) {
        heard.push(hex(chunk));
        if (chunk[0] === 5) await socket.write(answers.shift()!);
      }
      socket.close();
    }
  })().catch(() => {});
  return heard;
}

for (
  const [version, header] of [
    [1, (port: number) => new TextEncoder().encode(`PROXY TCP4 ${CLIENT4} ${HOP1} ${port} 1080\r\n`)],
    [2, (port: number) => {
      const ports = Uint8Array.of(port >> 8, port & 0xff, 1080 >> 8, 1080 & 0xff);
      return blockHeader(PROXY, TCP4, bytes("c6 33 64 0a c0 00 02 0b"), ports);
    }],
  ] as const
) {
  chainTest(`the header of version ${version} precedes all data, also for the second hop of a chain`, async (world) => {
    const heard = await listening(world, HOP3);
    const via = [`socks5://[${HOP2}]`, `socks5://${HOP3}?proxy-protocol=${version}`];
    const near = await world.add([HOP1], { others: [FIRST6], rules: [{ action: "allow", via }] });
    await world.add([HOP2], { others: ["192.0.2.12"] });
    const socket = await world.via(`socks5://${HOP1}`).connect({ host: SERVER4, port: 80 });
    socket.close();
    await settle();
    const { client } = world.records(near)[0]!;
    assert.deepEqual(heard.slice(0, 2), [hex(header(client.port)), "05 01 00"]);
  });
}

chainTest("a client of the library sends a LOCAL header", async (world) => {
  const heard = await listening(world, HOP3);
  (await world.via(`socks5://${HOP3}?proxy-protocol=2`).connect({ host: SERVER4, port: 80 })).close();
  await settle();
  assert.deepEqual(heard.slice(0, 2), [hex(blockHeader(LOCAL, 0)), "05 01 00"]);
});

chainTest("probes send an UNKNOWN header", async (world) => {
  const heard = await listening(world, HOP3);
  const via = [`socks5://${HOP3}?proxy-protocol=1`];
  const { gateway } = await world.add(["192.0.2.12"], { rules: [{ action: "allow", via }], probeMs: 1_000 });
  await settle();
  assert.deepEqual(heard.slice(0, 2), [hex(new TextEncoder().encode("PROXY UNKNOWN\r\n")), "05 01 00"]);
  const drained = gateway.drain(0);
  await world.clock.advance(0);
  await drained;
});

chainTest("an HTTP proxy receives the header before CONNECT", async (world) => {
  const near = await world.add([HOP1], {
    others: [FIRST6],
    rules: [{ action: "allow", via: [`http://[${HOP2}]:1080?proxy-protocol=2`] }],
  });
  const far = await world.add([HOP2], {
    others: ["203.0.113.12"],
    settings: { proxies: [parsePrefix(FIRST6)!] },
  });
  const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
  (await world.via(`socks5://${HOP1}`).connect({ host: SERVER4, port: 80 })).close();
  await settle();
  await server.peer.close();
  server.close();
  const [told] = world.records(far);
  assert.deepEqual([told!.protocol, addressText(told!.client)], ["http", addressText(world.records(near)[0]!.client)]);
});
