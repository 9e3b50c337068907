import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/events.ts";
import type { Verdict } from "../../src/gateway/entrance/methods.ts";
import type { Cut } from "../../src/net/cut.ts";
import { NetError } from "../../src/net/error.ts";
import { Method } from "../../src/protocol/codes.ts";
import { Command } from "../../src/protocol/codes.ts";
import { parsePrefix } from "../../src/protocol/ip/prefix.ts";
import { Peer } from "../support/memory/peer.ts";
import { settle } from "../support/memory/test_clock.ts";
import {
  CLIENT4,
  CLIENT6,
  GATEWAY4,
  GATEWAY6,
  replyHex,
  request,
  SERVER4,
  World,
  worldTest,
} from "../support/memory/world.ts";

const destination = { host: SERVER4, port: 80 };

function turnedAway(world: World): readonly unknown[] {
  return world.events.flatMap((event) =>
    event.type === "client-turned-away" ? [{ host: event.client.host, reason: event.reason }] : []
  );
}

describe("A listener", () => {
  for (const [users, methods] of [[false, [Method.NoAuthentication]], [true, [Method.UsernamePassword]]] as const) {
    test(`reports its effective methods ${users ? "with" : "without"} users (Dante CVE-2024-54662, chisel CVE-2024-43798)`, async () => {
      const authenticator = { verify: () => Promise.resolve({ good: true }) };
      const world = new World(users ? { authenticator } : {});
      await world.gateway.listen({ host: GATEWAY4, port: 0 });
      const [event] = world.events as [Event & { type: "listening" }];
      assert.equal(event.type, "listening");
      assert.deepEqual(event.methods, methods);
      assert.notEqual(event.addr.port, 0);
      assert.deepEqual(world.gateway.addrs, [event.addr]);
      // What it says is what it does.
      const client = await world.client();
      await client.send("05 02 00 02");
      assert.equal(client.heard(), users ? "05 02" : "05 00");
      await world.end();
    });
  }

  test("on port 0 has its own system-assigned port, and keeps it in a reload", async () => {
    const world = new World();
    const here = { host: GATEWAY4, port: 0 };
    await world.gateway.listen(here);
    await world.gateway.listen(here, { only: "http" });
    const { addrs } = world.gateway;
    assert.equal(new Set(addrs.map(({ port }) => port)).size, 2);
    assert.deepEqual(
      world.events.flatMap((event) => event.type === "listening" ? [event.purpose] : []),
      [undefined, "http"],
    );
    const opening = world.gateway.opening();
    assert.deepEqual([await opening.listen(here), await opening.listen(here, { only: "http" })], addrs);
    opening.abandon();
    await world.end();
  });

  test("on :: accepts both families, and reports IPv4 clients with IPv4 addresses", async () => {
    const world = new World();
    await world.gateway.listen({ host: "::", port: 1080 });
    const clients = [
      new Peer(await world.clients[4].connect({ host: GATEWAY4, port: 1080 })),
      new Peer(await world.clients[6].connect({ host: GATEWAY6, port: 1080 })),
    ];
    await settle();
    for (const client of clients) await client.close();
    assert.deepEqual(world.records.map(({ client }) => client.host).sort(), [CLIENT4, CLIENT6]);
    await world.end();
  });

  test("on a port in use is refused, and leaves no socket open", async () => {
    const world = new World();
    await world.gateway.listen({ host: GATEWAY4, port: 1080 });
    await assert.rejects(world.gateway.listen({ host: GATEWAY4, port: 1080 }), { kind: "address-in-use" });
    assert.equal(world.gateway.addrs.length, 1);
    await world.end();
  });
});

describe("--from", () => {
  const from = ["198.51.100.0/24", "2001:db8:c::/48"].map((text) => parsePrefix(text)!);

  worldTest("accepts clients of its prefixes, in both families", { settings: { from } }, async (world) => {
    for (const family of [4, 6] as const) {
      const client = await world.client(family);
      await client.send("05 01 00");
      assert.equal(client.heard(), "05 00");
    }
    assert.deepEqual(turnedAway(world), []);
  });

  worldTest("closes other clients before the gateway reads an octet", { settings: { from } }, async (world) => {
    const client = await world.client(4, world.internet.host("198.51.101.1"));
    assert.equal(client.ended, "end");
    assert.equal(client.heard(), "");
    assert.deepEqual(turnedAway(world), [{ host: "198.51.101.1", reason: "client-not-allowed" }]);
    assert.equal(world.gateway.sessionCount, 0);
  });

  worldTest("matches an IPv4 client of a dual-stack listener", { settings: { from } }, async (world) => {
    await world.gateway.listen({ host: "::", port: 1081 });
    const client = new Peer(await world.clients[4].connect({ host: GATEWAY4, port: 1081 }));
    await client.send("05 01 00");
    assert.equal(client.heard(), "05 00");
  });
});

describe("--max-sessions", () => {
  worldTest("turns excess clients away until a session ends", { settings: { maxSessions: 2 } }, async (world) => {
    const [first] = [await world.client(), await world.client()];
    const third = await world.client();
    assert.equal(third.ended, "end");
    assert.deepEqual(turnedAway(world), [{ host: CLIENT4, reason: "too-many-sessions" }]);
    await first.close();
    const fourth = await world.client();
    await fourth.send("05 01 00");
    assert.equal(fourth.heard(), "05 00");
  });
});

describe("A failed accept", () => {
  worldTest(
    "pauses the listener for 100 ms, then continues (a lack of descriptors must not cause a busy loop or an exit)",
    {},
    async (world) => {
      const failures = () => world.events.filter(({ type }) => type === "accept-failed").length;
      for (let i = 0; i < 3; i++) world.net.failAccept(1080, "no-descriptors");
      await settle();
      assert.equal(failures(), 2, "one for each of the two listeners, not one for each turn");
      const waiting = await world.client();
      await waiting.send("05 01 00");
      await world.clock.advance(299);
      assert.equal(waiting.heard(), "", "three failures, 100 ms each");
      await world.clock.advance(1);
      assert.equal(waiting.heard(), "05 00");
      assert.equal(failures(), 2, "told once, not at each try");
      assert.equal(
        world.events.filter(({ type }) => type === "accept-failing").length,
        4,
        "the event reports each attempt",
      );
      const client = await world.client();
      await client.send("05 01 00");
      assert.equal(client.heard(), "05 00");
      const recovered = world.events.filter((event) => event.type === "accept-recovered");
      assert.deepEqual([...new Set(recovered.map(({ failures }) => failures))], [3]);
    },
  );

  worldTest("does not affect open sessions", {}, async (world) => {
    const { client, server } = await world.connected(4, 4);
    world.net.failAccept(1080, "no-descriptors");
    await settle();
    await client.send("'x'");
    assert.equal(server.heardText(), "x");
    await world.clock.advance(100);
  });

  worldTest("does not delay the end of a drain", {}, async (world) => {
    world.net.failAccept(1080, "no-descriptors");
    await settle();
    await world.gateway.drain(1_000);
    await world.clock.advance(100);
    assert.equal(world.clock.pending, 0);
  });
});

describe("A drain (SIGTERM must not cut sessions)", () => {
  const drains = (world: World): readonly unknown[] =>
    world.events.flatMap((event): unknown[] => {
      if (event.type === "draining") return [{ sessions: event.sessions, deadlineMs: event.deadlineMs }];
      return event.type === "drained" ? [{ cut: event.cut }] : [];
    });

  worldTest("ends at once without sessions", {}, async (world) => {
    await world.gateway.drain(30_000);
    assert.deepEqual(drains(world), [{ sessions: 0, deadlineMs: 30_000 }, { cut: 0 }]);
    assert.deepEqual(world.gateway.addrs, []);
    assert.ok(world.gateway.draining);
  });

  worldTest("lets a relay finish, and accepts no new client", {}, async (world) => {
    const { client, server } = await world.connected(4, 6);
    let drained = false;
    void world.gateway.drain(30_000).then(() => drained = true);
    await settle();
    await assert.rejects(world.clients[4].connect({ host: GATEWAY4, port: 1080 }), { kind: "refused" });
    await world.clock.advance(20_000);
    await client.send("'last words'");
    assert.equal(server.heardText(), "last words");
    assert.equal(drained, false);
    await client.finish();
    await server.finish();
    assert.equal(drained, true);
    assert.equal(world.record.end, "end");
    assert.deepEqual(drains(world), [{ sessions: 1, deadlineMs: 30_000 }, { cut: 0 }]);
  });

  worldTest("cuts sessions that are still open at its deadline", {}, async (world) => {
    const { client, server } = await world.connected(6, 4);
    const drained = world.gateway.drain(30_000);
    await world.clock.advance(29_999);
    assert.deepEqual([client.ended, server.ended], ["no", "no"]);
    await world.clock.advance(1);
    await drained;
    assert.notEqual(client.ended, "no");
    assert.notEqual(server.ended, "no");
    assert.equal(world.record.end, "drained");
    assert.deepEqual(drains(world).at(-1), { cut: 1 });
  });

  worldTest("cuts clients that send no request within 1 s", {}, async (world) => {
    const waiting = [await world.client(), await world.client()];
    await waiting[1]!.send("05 01 00");
    const drained = world.gateway.drain(30_000);
    await world.clock.advance(999);
    for (const client of waiting) assert.equal(client.ended, "no");
    await world.clock.advance(1);
    await drained;
    for (const client of waiting) assert.equal(client.ended, "end");
    assert.deepEqual(world.records.map(({ end }) => end), ["drained", "drained"]);
    assert.deepEqual(drains(world).at(-1), { cut: 0 });
  });

  worldTest("lets an open handshake continue to its request", {}, async (world) => {
    const listener = await world.serve(destination);
    const client = await world.client();
    await client.send("05 01 00");
    const drained = world.gateway.drain(30_000);
    await client.send(request(Command.Connect, destination));
    await world.clock.advance(2_000);
    assert.equal(client.ended, "no");
    await client.finish();
    await listener.peer.finish();
    await drained;
    assert.equal(world.record.end, "end");
    listener.close();
  });

  worldTest("lets a running dial finish", {}, async (world) => {
    world.internet.route(SERVER4, { afterMs: 3_000 });
    const listener = await world.serve(destination);
    const client = await world.request(Command.Connect, destination);
    const drained = world.gateway.drain(30_000);
    await world.clock.advance(3_000);
    assert.equal(client.heard(), replyHex(0, listener.peer.socket.remoteAddr));
    await client.finish();
    await listener.peer.finish();
    await drained;
    listener.close();
  });

  for (const fault of ["dial", "name"] as const) {
    worldTest(`cuts a running ${fault} at its deadline`, {}, async (world) => {
      world.internet.route(SERVER4, { fault: "silent" });
      world.resolver.set("slow.test", "silent");
      const host = fault === "name" ? "slow.test" : SERVER4;
      const client = await world.request(Command.Connect, { host, port: 80 });
      const drained = world.gateway.drain(1_000);
      await world.clock.advance(1_000);
      await drained;
      assert.equal(client.heard(), "");
      assert.equal(client.ended, "end");
      assert.equal(world.record.end, "drained");
    });
  }

  worldTest("does not wait for a refused client that stays connected", {}, async (world) => {
    const client = await world.request(Command.Connect, destination);
    assert.equal(client.heard(), replyHex(5));
    const drained = world.gateway.drain(30_000);
    await world.clock.advance(10_000);
    await drained;
    assert.equal(world.record.end, "refused");
  });

  worldTest("turns away a client that was accepted at the same moment", {}, async (world) => {
    const client = new Peer(await world.clients[4].connect({ host: GATEWAY4, port: 1080 }));
    await world.gateway.drain(30_000);
    await settle();
    assert.notEqual(client.ended, "no");
    assert.equal(world.gateway.sessionCount, 0);
  });

  test("does not wait for password checks of clients that it has cut", async () => {
    let asked = 0;
    const authenticator = {
      verify(_: unknown, _client: string, cut: Cut): Promise<Verdict> {
        asked++;
        return new Promise((_, reject) => cut.on(() => reject(new NetError("aborted", "Cannot verify: given up"))));
      },
    };
    const world = new World({ authenticator });
    await world.gateway.listen({ host: GATEWAY4, port: 1080 });
    const client = await world.client();
    await client.send("05 01 02 01 01 'a' 01 'b'");
    assert.equal(asked, 1);
    const drained = world.gateway.drain(0);
    await world.clock.advance(0);
    await drained;
    assert.equal(client.heard(), "05 02");
    assert.equal(world.record.end, "drained");
    await world.end();
  });
});

describe("Events", () => {
  worldTest("report the start and the end of each session once, with the same record", {}, async (world) => {
    for (let i = 0; i < 3; i++) await (await world.client()).close();
    const told = world.events.flatMap((event) =>
      event.type === "session-opened" || event.type === "session-closed" ? [`${event.type} ${event.session.id}`] : []
    );
    assert.deepEqual(
      told.sort(),
      [1, 2, 3].flatMap((id) => [`session-closed ${id}`, `session-opened ${id}`]).sort(),
    );
  });

  test("report an internal fault; the client receives 01, and the gateway continues", async () => {
    const world = new World();
    await world.gateway.listen({ host: GATEWAY4, port: 1080 });
    world.resolver.resolve = () => Promise.reject(new RangeError("bug"));
    const client = await world.request(Command.Connect, { host: "any.test", port: 80 });
    assert.equal(client.heard(), replyHex(1));
    await client.close();
    const faults = world.events.flatMap((event) => event.type === "fault" ? [String(event.error)] : []);
    assert.deepEqual(faults, ["RangeError: bug"]);
    assert.equal(world.record.end, "fault");
    const next = await world.client();
    await next.send("05 01 00");
    assert.equal(next.heard(), "05 00");
    const drained = world.gateway.drain(0);
    await world.clock.advance(0);
    await drained;
    world.net.assertNothingOpen();
  });
});
