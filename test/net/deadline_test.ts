import assert from "node:assert/strict";
import { test } from "node:test";
import { pause } from "../../src/net/clock.ts";
import { Cut } from "../../src/net/cut.ts";
import { closedWithDeadline, withDeadline } from "../../src/net/deadline.ts";
import { NetError } from "../../src/net/error.ts";
import { TestClock } from "../support/memory/test_clock.ts";

/** Work that goes on until `over` is made, and then rejects with that. */
function untilOver(over: Cut): Promise<never> {
  return new Promise((_, reject) => over.on(() => reject(new Error("cut"))));
}

test("withDeadline() cancels the work at the deadline and reports a timeout", async () => {
  const clock = new TestClock();
  const work = withDeadline(clock, { deadlineMs: 50.4, cut: new Cut() }, "ask", untilOver);
  const told = assert.rejects(work, { kind: "timed-out", message: "Cannot ask: no answer within 50 ms" });
  await clock.advance(51);
  await told;
  assert.equal(clock.pending, 0);
});

test("withDeadline() passes on the result or the error of cancelled work", async () => {
  const clock = new TestClock();
  const cut = new Cut();
  const work = withDeadline(clock, { deadlineMs: 50, cut }, "ask", untilOver);
  const stubborn = withDeadline(clock, { deadlineMs: 50, cut }, "ask", (over) => untilOver(over).catch(() => 7));
  cut.make();
  await assert.rejects(work, { message: "cut" });
  assert.equal(await stubborn, 7);
  assert.equal(clock.pending, 0);
});

test("closedWithDeadline() closes failed, late and cancelled work, and no other work", async () => {
  const clock = new TestClock();
  const run = async (act: (cut: Cut) => unknown, work: (over: Cut) => Promise<unknown>) => {
    const cut = new Cut();
    let closed = false;
    const done = closedWithDeadline(clock, { deadlineMs: 50, cut }, "ask", () => closed = true, work)
      .catch((error) => error instanceof NetError ? error.kind : error.message);
    await act(cut);
    const outcome = await done;
    assert.equal(clock.pending, 0);
    return [outcome, closed];
  };
  const nothing = () => {};
  assert.deepEqual(await run(nothing, () => Promise.resolve(7)), [7, false]);
  assert.deepEqual(await run(nothing, () => Promise.reject(new Error("no"))), ["no", true]);
  assert.deepEqual(await run(() => clock.advance(50), untilOver), ["timed-out", true]);
  assert.deepEqual(await run((cut) => cut.make(), untilOver), ["aborted", true]);
  // What comes of it all the same has nobody who would close it.
  assert.deepEqual(await run(() => clock.advance(50), (over) => untilOver(over).catch(() => 7)), ["timed-out", true]);
  assert.deepEqual(await run((cut) => cut.make(), (over) => untilOver(over).catch(() => 7)), ["aborted", true]);
});

test("closedWithDeadline() does not start work after an earlier cut", async () => {
  const cut = new Cut();
  cut.make();
  const work = () => assert.fail("it has begun");
  const clock = new TestClock();
  await assert.rejects(closedWithDeadline(clock, { deadlineMs: 50, cut }, "ask", () => {}, work), { kind: "aborted" });
  assert.equal(clock.pending, 0);
});

test("pause() ends after its time or at the cut, and leaves no timer", async () => {
  const clock = new TestClock();
  const long = pause(clock, 50);
  await clock.advance(50);
  await long;
  const cut = new Cut();
  const short = pause(clock, 50, cut);
  cut.make();
  await short;
  await pause(clock, 50, cut);
  assert.equal(clock.pending, 0);
});
