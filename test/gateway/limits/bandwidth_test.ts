import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Bandwidth } from "../../../src/gateway/limits/bandwidth.ts";
import { Counters, countersMemory } from "../../../src/gateway/limits/counters.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

/** How many bytes pass in 10 s when chunks are moved as soon as they may be. */
async function moved(clock: TestClock, bandwidths: readonly Bandwidth[], chunk: number): Promise<number> {
  const until = clock.now() + 10_000;
  const readyAt = bandwidths.map(() => 0);
  let sum = 0;
  for (; clock.now() < until; await clock.advance(10)) {
    bandwidths.forEach((bandwidth, i) => {
      while (readyAt[i]! <= clock.now()) {
        sum += chunk;
        readyAt[i] = clock.now() + bandwidth.take("up", chunk);
      }
    });
  }
  return sum;
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) < 0.15, `${actual} bytes, and ${expected} are wanted`);
}

describe("Bandwidth", () => {
  test("limits a session to its rate, with chunks of every size", async () => {
    for (const chunk of [100, 10_000, 500_000]) {
      const clock = new TestClock();
      near(await moved(clock, [new Bandwidth(clock, 1_000_000)], chunk), 10_000_000);
    }
  });

  test("limits all sessions of a user to one rate, across threads", async () => {
    const clock = new TestClock();
    const memory = countersMemory(2, (size) => new SharedArrayBuffer(size));
    const sessions = [0, 1, 0].map((thread) => {
      const bandwidth = new Bandwidth(clock, undefined);
      bandwidth.share({ key: "ann", bandwidth: 1_000_000, counters: new Counters(memory, thread) });
      return bandwidth;
    });
    near(await moved(clock, sessions, 20_000), 10_000_000);
  });

  test("applies the lowest of several rates", async () => {
    const clock = new TestClock();
    const bandwidth = new Bandwidth(clock, 5_000_000), counters = new Counters();
    bandwidth.share({ key: "ann", bandwidth: 2_000_000, counters });
    bandwidth.share({ key: "guests", bandwidth: 1_000_000, counters });
    near(await moved(clock, [bandwidth], 20_000), 10_000_000);
  });

  test("counts each direction separately", () => {
    const clock = new TestClock();
    const bandwidth = new Bandwidth(clock, 1_000);
    assert.ok(bandwidth.take("up", 10_000) > 9_000);
    assert.equal(bandwidth.take("down", 10), 0);
  });

  test("passes datagrams within the rate, and drops the rest", async () => {
    const clock = new TestClock();
    const bandwidth = new Bandwidth(clock, 100_000);
    const until = clock.now() + 5_000;
    let passed = 0;
    for (; clock.now() < until; await clock.advance(1)) if (bandwidth.passes("up", 500)) passed += 500;
    near(passed, 500_000);
  });
});
