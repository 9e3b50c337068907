import assert from "node:assert/strict";
import { describe } from "node:test";
import type { UdpDestinationRecord } from "../../../src/events.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { addressText } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { chainTest, HOP1, HOP2 } from "../../support/network/chain.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { relayable, UdpPeer } from "../../support/memory/udp_peer.ts";
import { CLIENT4, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";

const METADATA = { host: "169.254.169.254", port: 80 };

/** A client's association: how it sends, and how it ends. */
async function associated(world: World) {
  const control = await world.request(Command.UdpAssociate, { host: "0.0.0.0", port: 0 });
  const relay = decodeReply(control.heardBytes())!.value.bound;
  const udp = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
  return {
    control,
    send: async (to: SocketAddr, payload: string) => {
      await udp.send(relay, relayable(to, payload));
      await settle();
    },
  };
}

/** A server that answers each datagram with twice its octets. */
async function doubling(world: World, addr: SocketAddr): Promise<() => Promise<void>> {
  const server = new UdpPeer(await world.servers[addr.host.includes(":") ? 6 : 4].bindUdp(addr));
  return async () => {
    await settle();
    for (const { bytes, from } of server.heard()) {
      const [, host, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(from)!;
      await server.send({ host: host!, port: Number(port) }, new TextDecoder().decode(bytes).repeat(2));
    }
    await settle();
  };
}

function told(world: World): readonly UdpDestinationRecord[] {
  return world.events.flatMap((event) => event.type === "udp-destination" ? [event.destination] : []);
}

/** As "8 octets in 2 datagrams up, 16 in 2 down". */
function summary({ asked, destinations, counts, datagrams, dropped, refusedBy, remote }: UdpDestinationRecord): string {
  return [
    asked ? addressText(asked) : `${destinations} others`,
    `${counts.up} in ${datagrams.up} up, ${counts.down} in ${datagrams.down} down`,
    ...remote ? [`by ${addressText(remote)}`] : [],
    ...Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`),
    ...refusedBy === undefined ? [] : [refusedBy],
  ].join("; ");
}

describe("The audit of an association", () => {
  worldTest("lists each destination with its counts and refusals", { settings: { audit: true } }, async (world) => {
    world.resolver.set("echo.test", [SERVER6]);
    const answer4 = await doubling(world, { host: SERVER4, port: 7 });
    const answer6 = await doubling(world, { host: SERVER6, port: 7 });
    const { control, send } = await associated(world);
    for (let i = 0; i < 2; i++) {
      await send({ host: SERVER4, port: 7 }, "four");
      await answer4();
      await send({ host: "echo.test", port: 7 }, "sixsix");
      await answer6();
      await send(METADATA, "secret");
    }
    await send({ host: "gone.test", port: 7 }, "x");
    assert.deepEqual(told(world), [], "they are told when the association has done with them");
    await control.close();
    await settle();
    assert.deepEqual(told(world).map(summary), [
      `${SERVER4}:7; 8 in 2 up, 16 in 2 down; by ${SERVER4}:7`,
      `echo.test:7; 12 in 2 up, 24 in 2 down; by [${SERVER6}]:7`,
      `169.254.169.254:80; 0 in 0 up, 0 in 0 down; refused 2; link-local destination 169.254.169.254`,
      "gone.test:7; 0 in 0 up, 0 in 0 down; unresolved 1",
    ]);
    const ends = world.events.map(({ type }) => type);
    assert.ok(ends.lastIndexOf("udp-destination") < ends.indexOf("session-closed"));
    assert.deepEqual(world.record.dropped, { refused: 2, unresolved: 1 });
  });

  worldTest("lists a busy destination once, and an idle one when it is forgotten", {
    settings: { audit: true, udpIdleMs: 60_000 },
  }, async (world) => {
    const answer = await doubling(world, { host: SERVER4, port: 7 });
    const { control, send } = await associated(world);
    await send({ host: SERVER4, port: 9 }, "once");
    for (let minute = 0; minute < 25; minute++) { // it is judged again after 10
      await send({ host: SERVER4, port: 7 }, "x");
      await answer();
      await world.clock.advance(30_000);
      await send({ host: SERVER4, port: 7 }, "x");
      await answer();
      await world.clock.advance(30_000);
    }
    assert.deepEqual(told(world).map(summary), [`${SERVER4}:9; 4 in 1 up, 0 in 0 down; by ${SERVER4}:9`]);
    await control.close();
    await settle();
    const [, busy, ...others] = told(world);
    assert.deepEqual(others, []);
    assert.equal(summary(busy!), `${SERVER4}:7; 50 in 50 up, 100 in 50 down; by ${SERVER4}:7`);
    assert.equal(busy!.lastAt - busy!.startedAt, 24 * 60_000 + 30_000);
  });

  worldTest("is bounded: 1,000 lines and a sum in 10 s for a client that sends to very many destinations", {
    settings: { audit: true, maxUdpDestinations: 16 },
  }, async (world) => {
    const { control, send } = await associated(world);
    for (let port = 1; port <= 1_500; port++) await send({ host: SERVER4, port }, "x");
    assert.equal(told(world).length, 1_000);
    await world.clock.advance(10_000);
    for (let port = 2_001; port <= 2_020; port++) await send({ host: SERVER4, port }, "xx");
    await control.close();
    await settle();
    const all = told(world);
    const sums = all.filter(({ asked }) => !asked);
    assert.deepEqual(sums.map(summary), ["484 others; 484 in 484 up, 0 in 0 down"]);
    assert.equal(all.length, 1_000 + 1 + 36);
    assert.equal(all.reduce((sum, { counts }) => sum + counts.up, 0), 1_500 + 40);
    assert.equal(all.reduce((sum, { destinations }) => sum + destinations, 0), 1_520);
  });

  worldTest("has one sum for answers from other sources, if the filter passes them", {
    settings: { audit: true, udpFilter: "endpoint-independent" },
  }, async (world) => {
    const asked = new UdpPeer(await world.servers[4].bindUdp({ host: SERVER4, port: 7 }));
    const { control, send } = await associated(world);
    await send({ host: SERVER4, port: 7 }, "x");
    const [, host, port] = /^(.*):(\d+)$/.exec(asked.heard()[0]!.from)!;
    for (let other = 1; other <= 3; other++) {
      const stranger = new UdpPeer(await world.servers[4].bindUdp({ host: SERVER4, port: 1_000 + other }));
      await stranger.send({ host: host!, port: Number(port) }, "boo");
      await settle();
    }
    await control.close();
    await settle();
    assert.deepEqual(told(world).map(summary), [
      `${SERVER4}:7; 1 in 1 up, 0 in 0 down; by ${SERVER4}:7`,
      "0 others; 0 in 0 up, 9 in 3 down",
    ]);
  });

  worldTest(
    "is empty unless the configuration enables it",
    {},
    async (world) => {
      const { control, send } = await associated(world);
      await send(METADATA, "x");
      await control.close();
      await settle();
      assert.deepEqual(world.events.map(({ type }) => type).filter((type) => !/listening|session/.test(type)), []);
      assert.ok(!world.events.some(({ type }) => type === "session-requested"));
    },
  );

  worldTest("reports a request before the gateway serves it", { settings: { audit: true } }, async (world) => {
    world.internet.route(SERVER4, { fault: "silent" });
    const client = await world.request(Command.Connect, { host: SERVER4, port: 80 });
    await settle();
    const [requested, ...others] = world.events.flatMap((event) =>
      event.type === "session-requested" ? [event.session] : []
    );
    assert.equal(addressText(requested!.destination!), `${SERVER4}:80`);
    assert.deepEqual([requested!.command, requested!.reply, others.length], [Command.Connect, undefined, 0]);
    client.reset();
    await settle();
  });
});

chainTest("an audit lists the gateways on the path of datagrams, and matches answers to their name", async (world) => {
  const near = await world.add([HOP1], {
    others: ["2001:db8:2::11"],
    rules: [{ action: "allow", via: [`socks5://ann:secret@[${HOP2}]`] }],
    settings: { audit: true },
  });
  const far = await world.add([HOP2], { others: ["203.0.113.12"] });
  far.resolver.set("echo.test", [SERVER4]);
  const servers = await Promise.all(
    [53, 54].map(async (port) => new UdpPeer(await world.server.bindUdp({ host: SERVER4, port }))),
  );
  const association = await world.via(`socks5://${HOP1}`).associate();
  for (const [i, host] of [[0, "echo.test"], [1, SERVER4]] as const) {
    await association.send(new Uint8Array(3), { host, port: 53 + i });
    await settle();
    const [, gateway, port] = /^(.*):(\d+)$/.exec(servers[i]!.heard()[0]!.from)!;
    await servers[i]!.send({ host: gateway!, port: Number(port) }, "five5");
    assert.equal((await association.receive())?.payload.length, 5);
  }
  association.close();
  await settle();
  const told = near.events.flatMap((event) => event.type === "udp-destination" ? [event.destination] : []);
  assert.deepEqual(told.map((destination) => summary(destination).replace(/; by.*/, "")), [
    "echo.test:53; 3 in 1 up, 5 in 1 down",
    `${SERVER4}:54; 3 in 1 up, 5 in 1 down`,
  ]);
  assert.deepEqual(told.map(({ via }) => via), Array(2).fill(`socks5://[${HOP2}]:1080`));
  assert.deepEqual(told.map(({ remote }) => remote?.host), Array(2).fill(HOP2));
  for (const server of servers) server.close();
});
