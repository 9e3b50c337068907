import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { clearRegion, Counters, countersMemory } from "../../../src/gateway/limits/counters.ts";
import { Limits } from "../../../src/gateway/limits/limits.ts";
import { defaultSettings } from "../../../src/gateway/settings.ts";
import { systemClock } from "../../../src/net/clock.ts";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { GATEWAY4, GATEWAY6, request, SERVER4, World, worldTest } from "../../support/memory/world.ts";

function turnedAway(world: World): string[] {
  return world.events.flatMap((event) => event.type === "client-turned-away" ? [event.reason] : []);
}

/** Who says "ann" is ann. */
const anyone: Authenticator = {
  verify: ({ username }) => Promise.resolve({ good: new TextDecoder().decode(username) === "ann" }),
};

const annLogsIn = "01 03 61 6e 6e 01 70";

describe("Counters", () => {
  test("hold at most the limit across all threads, and free what is released", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.constantFrom("a", "b", "c"), fc.boolean()), { maxLength: 200 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, bound) => {
          const memory = countersMemory(4, (size) => new SharedArrayBuffer(size));
          const threads = [0, 1, 2, 3].map((thread) => new Counters(memory, thread));
          const held = new Map<string, number>();
          const own = new Map<string, number>();
          for (const [thread, key, up] of steps) {
            const mine = `${thread} ${key}`;
            if (up) {
              const free = (held.get(key) ?? 0) < bound;
              assert.equal(threads[thread]!.hold(key, bound), free);
              if (!free) continue;
              held.set(key, (held.get(key) ?? 0) + 1);
              own.set(mine, (own.get(mine) ?? 0) + 1);
            } else if ((own.get(mine) ?? 0) > 0) {
              threads[thread]!.release(key);
              held.set(key, held.get(key)! - 1);
              own.set(mine, own.get(mine)! - 1);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test("forget the holdings of a thread that has ended", () => {
    const memory = countersMemory(2, (size) => new SharedArrayBuffer(size));
    const [first, second] = [new Counters(memory, 0), new Counters(memory, 1)];
    assert.equal(first.hold("x", 1), true);
    assert.equal(second.hold("x", 1), false);
    clearRegion(memory, 0);
    assert.equal(second.hold("x", 1), true);
  });

  test("report the recent rate of an event across all threads", () => {
    const memory = countersMemory(2, (size) => new SharedArrayBuffer(size));
    const [first, second] = [new Counters(memory, 0), new Counters(memory, 1)];
    for (let i = 0; i < 5; i++) first.tally("x", 1_000, 10_500);
    assert.equal(second.tally("x", 1_000, 10_600), 6);
    assert.equal(second.rate("x", 1_000, 11_500), 3, "half of the window before counts still");
    assert.equal(second.rate("x", 1_000, 12_500), 0);
    assert.equal(second.rate("y", 1_000, 10_600), 0);
  });

  test("stay within their memory with any number of keys", () => {
    const counters = new Counters();
    for (let i = 0; i < 300_000; i++) counters.tally(`key ${i}`, 1_000, i);
    assert.equal(counters.tally("one more", 1_000, 300_000), 1);
    assert.equal(counters.hold("held", 1), true);
    assert.equal(counters.hold("held", 1), false);
  });
});

describe("--max-sessions-per-client", () => {
  worldTest(
    "turns away a client over its limit, and no other client",
    { settings: { maxSessionsPerClient: 2 } },
    async (
      world,
    ) => {
      const first = await world.client();
      await world.client();
      const third = await world.client();
      assert.equal(third.ended, "end");
      const other = await world.client(6);
      await other.send("05 01 00");
      assert.equal(other.heard(), "05 00");
      assert.deepEqual(turnedAway(world), ["too-many-sessions-of-client"]);
      await first.close();
      const again = await world.client();
      await again.send("05 01 00");
      assert.equal(again.heard(), "05 00");
    },
  );
});

describe("Without --max-sessions-per-client", () => {
  worldTest("one client may use a quarter of --max-sessions, and other clients can still connect", {
    settings: { maxSessions: 400 },
  }, async (
    world,
  ) => {
    for (let i = 0; i < 300; i++) await world.clients[4].connect({ host: GATEWAY4, port: 1080 });
    await settle();
    assert.equal(world.gateway.sessionCount, 100);
    assert.deepEqual(new Set(turnedAway(world)), new Set(["too-many-sessions-of-client"]));
    const other = await world.client(6);
    await other.send("05 01 00");
    assert.equal(other.heard(), "05 00");
  });

  worldTest(
    "one client prefix may use 64 sessions if that is more than a quarter",
    { settings: { maxSessions: 100 } },
    async (world) => {
      for (let i = 0; i < 100; i++) await world.clients[6].connect({ host: GATEWAY6, port: 1080 });
      await settle();
      assert.equal(world.gateway.sessionCount, 64);
    },
  );

  test("one client may use a quarter of the sessions that the descriptor limit allows, if that is less", () => {
    const counters = new Counters(countersMemory(1, (size) => new SharedArrayBuffer(size)), 0);
    const limits = new Limits(counters, { ...defaultSettings, maxSessions: 10_000 }, systemClock, 512);
    const addr = { host: "192.0.2.1", port: 1 };
    for (let i = 0; i < 128; i++) assert.equal(limits.enter(addr), undefined);
    assert.equal(limits.enter(addr), "too-many-sessions-of-client");
  });

  test("clients on the same machine, such as a load balancer, may use all sessions", async () => {
    const world = new World({ settings: { maxSessions: 100 } });
    const at = await world.gateway.listen({ host: "127.0.0.1", port: 1080 });
    for (let i = 0; i < 120; i++) await world.net.connect(at);
    await settle();
    assert.equal(world.gateway.sessionCount, 100);
    for (const socket of world.net.sockets) socket.close();
    await world.end();
  });
});

describe("--max-rate", () => {
  worldTest(
    "turns away a client over the connection rate until the rate falls",
    { settings: { maxRate: 3 } },
    async (world) => {
      const clients = [];
      for (let i = 0; i < 5; i++) clients.push(await world.client());
      assert.deepEqual(clients.map(({ ended }) => ended), ["no", "no", "no", "end", "end"]);
      assert.deepEqual(turnedAway(world), ["too-many-connections", "too-many-connections"]);
      await world.clock.advance(2_000);
      const later = await world.client();
      await later.send("05 01 00");
      assert.equal(later.heard(), "05 00");
    },
  );
});

describe("--max-sessions-per-user", () => {
  worldTest(
    "refuses the request of a user over the limit with 02",
    { settings: { maxSessionsPerUser: 1 }, authenticator: anyone },
    async (world) => {
      const server = { host: SERVER4, port: 80 };
      await world.serve(server);
      const ask = async () => {
        const client = await world.client();
        await client.send("05 01 02");
        await client.send(annLogsIn);
        await client.send(request(Command.Connect, server));
        return client;
      };
      const first = await ask();
      assert.match(first.heard(), /^05 02 01 00 05 00/);
      const second = await ask();
      assert.match(second.heard(), /^05 02 01 00 05 02/);
      await second.close();
      first.socket.reset();
      await world.clock.advance(0);
      const third = await ask();
      assert.match(third.heard(), /^05 02 01 00 05 00/);
      assert.equal(world.records.find(({ reply }) => reply === 2)?.detail, "too many sessions of this user");
    },
  );
});
