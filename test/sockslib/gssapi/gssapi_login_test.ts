import assert from "node:assert/strict";
import { test } from "node:test";
import type { GssAcceptor } from "../../../src/net/gss/gss.ts";
import { TokenOrder } from "../../../src/sockslib/gssapi/token_order.ts";
import { OVERHEAD, PlainAcceptor, type PlainContext } from "../../support/memory/plain_gss.ts";
import { Server } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { UdpPeer } from "../../support/memory/udp_peer.ts";
import { SERVER4, SERVER6 } from "../../support/memory/world.ts";
import { chainTest, type ChainWorld, crosses, HOP1, HOP2, HOP3 } from "../../support/network/chain.ts";

const destination = { host: SERVER4, port: 80 };

/** Three gateways that want a ticket each, of which the second wants more. */
async function addThree(world: ChainWorld): Promise<void> {
  await world.add([HOP1], { others: ["2001:db8:2::11"], gssapi: new PlainAcceptor() });
  await world.add([HOP2], {
    others: ["192.0.2.12"],
    gssapi: new PlainAcceptor(),
    settings: { gssapiProtection: "confidentiality" },
  });
  await world.add([HOP3], { others: ["2001:db8:5::13", "203.0.113.13"], gssapi: new PlainAcceptor() });
}

const viaThree = (world: ChainWorld) =>
  world.via(`socks5://${HOP1}?gssapi=rcmd`, `socks5://[${HOP2}]?gssapi=rcmd`, `socks5://${HOP3}?gssapi=socks/gw@A`);

chainTest("CONNECT and BIND through a chain of gateways with GSSAPI", async (world) => {
  await addThree(world);
  const server = new Server(await world.server.listen(destination));
  const client = viaThree(world);
  const socket = await client.connect(destination);
  assert.deepEqual(world.gss.targets, [`rcmd@${HOP1}`, `rcmd@${HOP2}`, "socks/gw@A"]);
  await settle();
  await socket.write(new TextEncoder().encode("hello"));
  await settle();
  assert.equal(server.peer.heardText(), "hello");
  await server.peer.send("'back'");
  assert.equal(new TextDecoder().decode((await socket.read())!), "back");
  socket.close();
  await server.peer.close();

  const rendezvous = await client.bind({ host: "0.0.0.0", port: 0 });
  const accepting = rendezvous.accept();
  const peer = await world.server.connect(rendezvous.addr);
  const { socket: met } = await accepting;
  await peer.write(Uint8Array.of(7));
  assert.deepEqual(await met.read(), Uint8Array.of(7));
  met.close();
  peer.close();
  server.close();
  await settle();
  for (const link of world.links) {
    assert.deepEqual(world.records(link).map(({ username }) => username), ["alice@A", "alice@A"]);
  }
  assert.deepEqual(
    world.records(world.links[1]!).map(({ protection }) => protection),
    Array(2).fill("confidentiality"),
  );
  assert.ok(world.gss.contexts.every(({ closed }) => closed));
});

chainTest("UDP through a GSSAPI chain: a datagram is wrapped in a token of each gateway", async (world) => {
  await addThree(world);
  const association = await viaThree(world).associate();
  for (const host of [SERVER4, SERVER6]) await crosses(world, association, host);
  await assert.rejects(association.send(new Uint8Array(65_500), { host: SERVER4, port: 53 }), /too large/);
  association.close();
  await settle();
  assert.ok(world.gss.contexts.every(({ closed }) => closed));
});

chainTest("UDP in TCP is wrapped in tokens", async (world) => {
  await world.add([HOP1], { others: ["203.0.113.11"], gssapi: new PlainAcceptor(), settings: { udpInTcp: true } });
  const udp = new UdpPeer(await world.server.bindUdp({ host: SERVER4, port: 53 }));
  const association = await world.via(`socks5://${HOP1}?gssapi=rcmd&udp=tcp`).associate();
  await association.send(new Uint8Array(60_000).fill(7), { host: SERVER4, port: 53 });
  await settle();
  assert.deepEqual(udp.heard().map(({ bytes }) => bytes.length), [60_000]);
  association.close();
  udp.close();
});

chainTest("a gateway authenticates to its upstream by GSSAPI", async (world) => {
  const via = [`socks5://[${HOP2}]?gssapi=rcmd&protection=confidentiality`];
  const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via }] });
  await world.add([HOP2], { others: ["203.0.113.12"], gssapi: new PlainAcceptor() });
  const server = new Server(await world.server.listen(destination));
  const socket = await world.via(`socks5://${HOP1}`).connect(destination);
  await socket.write(Uint8Array.of(1));
  await settle();
  assert.equal(server.peer.heard(), "01");
  socket.close();
  await server.peer.close();
  server.close();
  assert.deepEqual(world.records(first).map(({ via }) => via), [`socks5://[${HOP2}]:1080?gssapi=rcmd`]);
});

const refusals: readonly (readonly [string, string, GssAcceptor | undefined, RegExp, Partial<PlainContext>?])[] = [
  ["a gateway without GSSAPI", "", undefined, /takes no ticket/],
  ["a gateway that does not authenticate itself", "", new PlainAcceptor(), /does not show who it is/, {
    mutual: false,
  }],
  [
    "a lower protection level",
    "&protection=confidentiality",
    lowering(),
    /gives the level none where confidentiality is the least/,
  ],
  [
    "a protection level signed with another key",
    "",
    new PlainAcceptor({ byAcceptorKey: false }),
    /no level of protection/,
  ],
];

/** Of who is between, and could change what is not sealed. */
function lowering(): GssAcceptor {
  return new PlainAcceptor({
    wrap(_bytes, _sealed, room) {
      const token = new Uint8Array(room + OVERHEAD + 1);
      token.set([5, 4, 4, 0xff], room);
      return token;
    },
  });
}

for (const [what, query, gssapi, state, made = {}] of refusals) {
  chainTest(`${what} is refused`, async (world) => {
    world.gss.made = made;
    await world.add([HOP1], gssapi ? { gssapi } : {});
    await assert.rejects(world.via(`socks5://${HOP1}?gssapi=rcmd${query}`).connect(destination), state);
    await settle();
    assert.ok(world.gss.contexts.every(({ closed }) => closed));
  });
}

chainTest("a refused ticket is reported", async (world) => {
  world.gss.name = "no";
  await world.add([HOP1], { gssapi: new PlainAcceptor() });
  await assert.rejects(world.via(`socks5://${HOP1}?gssapi=rcmd`).connect(destination), /takes no such ticket/);
});

test("tokens must be in order on a connection, and arrive at most once by datagrams, at any delay", () => {
  const order = new TokenOrder(9);
  assert.deepEqual([10, 10, 12, 11, 9].map((one) => order.isNext(one)), [true, false, false, true, false]);
  const scattered = new TokenOrder(9);
  assert.deepEqual([12, 10, 12, 11, 11, 10, 2_000, 13, 977, 976].map((one) => scattered.isNew(one)), [
    true,
    true,
    false,
    true,
    false,
    false,
    true,
    false,
    true,
    false,
  ]);
  const unknown = new TokenOrder(undefined);
  assert.deepEqual([77, 77, 78].map((one) => unknown.isNext(one)), [true, false, true]);
});
