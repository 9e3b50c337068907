import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Timers } from "../../../../src/net/linux/engine/timers.ts";

/** Timers on a clock that only moves when told to. */
function wheel(at = 0) {
  const clock = { at };
  const faults: unknown[] = [];
  const timers = new Timers((error) => faults.push(error), () => clock.at);
  return { clock, timers, faults };
}

describe("Timers", () => {
  test("run never early and at most 1 ms late, for any wait", () => {
    const wait = fc.oneof(
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      fc.double({
        min: 0,
        max: 10_000,
        noNaN: true,
      }),
    );
    fc.assert(
      fc.property(
        fc.array(wait, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        (waits, at) => {
          const { clock, timers } = wheel(at);
          const late: number[] = [];
          for (const ms of waits) timers.after(ms, () => late.push(clock.at - at - ms));
          for (let turns = 0; late.length < waits.length; turns++) {
            assert.ok(turns < 2_000, "the timers' own waits lead nowhere");
            clock.at += timers.waitMs();
            timers.expire();
          }
          for (const ms of late) assert.ok(ms >= -1e-6 && ms <= 1.001, `${ms} ms late`);
          assert.equal(timers.waitMs(), -1);
        },
      ),
    );
  });

  test("run in the order of their due times when the thread is late", () => {
    const { clock, timers } = wheel();
    const ran: number[] = [];
    for (const ms of [5_000, 3, 70, 4_200, 1]) timers.after(ms, () => ran.push(ms));
    clock.at = 60_000;
    timers.expire();
    assert.deepEqual(ran, [1, 3, 70, 4_200, 5_000]);
  });

  test("do not run after they are cancelled, also by a timer due at the same time", () => {
    const { clock, timers } = wheel();
    const ran: string[] = [];
    const cancelled = timers.after(10, () => ran.push("called off before"));
    let cancelSecond = () => {};
    timers.after(20, () => {
      ran.push("first");
      cancelSecond();
    });
    cancelSecond = timers.after(20, () => ran.push("second"));
    cancelled();
    clock.at = 100;
    timers.expire();
    assert.deepEqual(ran, ["first"]);
    cancelSecond();
    assert.equal(timers.waitMs(), -1);
  });

  test("can start other timers without an endless turn", () => {
    const { clock, timers } = wheel();
    let runs = 0;
    const again = () => {
      runs++;
      timers.after(0, again);
    };
    timers.after(0, again);
    clock.at = 1;
    timers.expire();
    assert.ok(runs <= 2, `${runs} runs in one turn`);
    clock.at = 10;
    timers.expire();
    assert.ok(runs <= 12);
  });

  test("that throw are reported and do not stop the other timers", () => {
    const { clock, timers, faults } = wheel();
    let ran = false;
    timers.after(1, () => {
      throw new Error("a fault");
    });
    timers.after(1, () => ran = true);
    clock.at = 2;
    timers.expire();
    assert.equal(ran, true);
    assert.equal(faults.length, 1);
  });

  test("start and cancel in constant time", () => {
    const { timers } = wheel();
    const cancels = Array.from({ length: 100_000 }, (_, i) => timers.after(i * 7, () => {}));
    for (const cancel of cancels) cancel();
    const begun = performance.now();
    for (let i = 0; i < 100_000; i++) timers.after(900_000, () => {})();
    assert.ok(performance.now() - begun < 30_000); // 20 ms, and minutes where each looked at the others
  });
});
