import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LogSampling } from "../../../src/cli/log/sampling.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

function sampled(budget: number) {
  const clock = new TestClock();
  const told: [kind: string, more: number, withinMs: number, client: string | undefined][] = [];
  const sampling = new LogSampling<string>(clock, budget, (...summary) => told.push(summary));
  const taken = (kind: string, client: string, times: number) => {
    let count = 0;
    for (let i = 0; i < times; i++) if (sampling.takes(kind, client)) count++;
    return count;
  };
  return { clock, told, sampling, taken };
}

describe("A log flood", () => {
  test("of one client is cut to its first lines and a count of the others", async () => {
    const { clock, told, taken } = sampled(10);
    assert.equal(taken("refused", "192.0.2.1", 10_000), 10);
    await clock.advance(10_000);
    assert.deepEqual(told, [["refused", 9_990, 10_000, "192.0.2.1"]]);
    assert.equal(taken("refused", "192.0.2.1", 1), 1, "the next interval has its own");
    await clock.advance(10_000);
    assert.equal(told.length, 1, "who stays below is not told of");
    assert.equal(clock.pending, 0);
  });

  test("of one kind or client does not suppress other kinds or clients", () => {
    const { taken } = sampled(5);
    taken("refused", "192.0.2.1", 1_000);
    assert.equal(taken("idle", "192.0.2.1", 9), 5);
    assert.equal(taken("refused", "192.0.2.2", 9), 5);
  });

  test("of many clients is bounded in lines and in memory", async () => {
    const { clock, told, taken } = sampled(10);
    let lines = 0;
    for (let i = 0; i < 100_000; i++) lines += taken("refused", `client ${i}`, 1);
    assert.equal(lines, 500);
    await clock.advance(10_000);
    assert.deepEqual(told, [["refused", 99_500, 10_000, undefined]]);
  });

  test("is reported per client for the busiest clients, and as a sum for the others", async () => {
    const { clock, told, taken } = sampled(1);
    for (let i = 1; i <= 20; i++) taken("refused", `client ${i}`, 1 + i);
    await clock.advance(10_000);
    assert.deepEqual(told.slice(0, 2).map(([, more, , client]) => [more, client]), [[20, "client 20"], [
      19,
      "client 19",
    ]]);
    assert.equal(told.length, 11);
    assert.deepEqual(told.at(-1), ["refused", 55, 10_000, undefined]);
  });

  test("is reported at the end of the program, before the interval is over", async () => {
    const { clock, told, sampling, taken } = sampled(1);
    taken("refused", "192.0.2.1", 3);
    await clock.advance(4_000);
    sampling.end();
    assert.deepEqual(told, [["refused", 2, 4_000, "192.0.2.1"]]);
    assert.equal(clock.pending, 0);
  });

  test("is written in full if sampling is off", () =>
    assert.equal(sampled(Infinity).taken("refused", "a", 50_000), 50_000));
});
