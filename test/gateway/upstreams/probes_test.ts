import assert from "node:assert/strict";
import { test } from "node:test";
import { Chain, type ChainChange } from "../../../src/gateway/upstreams/chain.ts";
import { Probes } from "../../../src/gateway/upstreams/probes.ts";
import { ProbeTurns } from "../../../src/gateway/upstreams/probe_turns.ts";
import { parseHops } from "../../../src/sockslib/chain/hop.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

/** Threads that probe one chain, as many as there are workers. */
function threads(count: number) {
  const clock = new TestClock(), memory = ProbeTurns.memory();
  const world = { clock, down: false, probes: 0, told: [] as ChainChange[] };
  const times = { intervalMs: 10_000, timeoutMs: 5_000 };
  const all = Array.from({ length: count }, () => {
    const chain = new Chain(parseHops(["socks5://192.0.2.1"]), (change) => world.told.push(change));
    const probe = () => {
      world.probes++;
      return world.down ? Promise.reject(new Error("refused")) : Promise.resolve();
    };
    const probes = new Probes(clock, times, probe, new ProbeTurns(memory));
    probes.add(chain, undefined);
    probes.start();
    return { chain, probes };
  });
  return { world, all };
}

test("one thread at a time probes a chain at the usual interval, and all threads know the result", async () => {
  const { world, all } = threads(4);
  await world.clock.advance(60_500);
  assert.equal(world.probes, 7);
  world.down = true;
  await world.clock.advance(11_000);
  assert.deepEqual(all.map(({ chain }) => chain.up), [false, false, false, false]);
  assert.deepEqual(world.told.filter(({ up }) => !up).map(({ detail }) => detail), ["refused"], "who knows why tells");
  world.down = false;
  await world.clock.advance(61_000);
  assert.deepEqual(all.map(({ chain }) => chain.up), [true, true, true, true]);
  for (const { probes } of all) probes.stop();
  assert.equal(world.clock.pending, 0);
});

test("another thread continues the probes if the probing thread has ended", async () => {
  const { world, all } = threads(3);
  await world.clock.advance(500);
  assert.equal(world.probes, 1);
  all[0]!.probes.stop();
  await world.clock.advance(11_000);
  assert.equal(world.probes, 2);
  for (const { probes } of all) probes.stop();
});

test("a probe of a thread that has ended expires at its deadline", () => {
  const turns = new ProbeTurns(ProbeTurns.memory());
  assert.ok(turns.take(0, 100, 6_000));
  assert.ok(!turns.take(0, 6_099, 6_000));
  assert.ok(turns.take(0, 6_100, 6_000));
  assert.ok(turns.take(5_000, 0, 1), "of more chains than there is room for each thread probes its own");
});
