import assert from "node:assert/strict";
import { test } from "node:test";
import { SAME_SIGNAL_MS, stopSignals } from "../../../src/cli/serve/signals.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

test("a signal that comes twice within a moment drains once, and one that comes later ends at once", async () => {
  const clock = new TestClock();
  const done: string[] = [];
  const signal = stopSignals(clock, () => done.push("drain"), () => done.push("end"));
  signal();
  signal(); // timeout(1), and each of a terminal and a task runner, send their own
  await clock.advance(SAME_SIGNAL_MS - 1);
  signal();
  assert.deepEqual(done, ["drain"]);
  await clock.advance(1);
  signal();
  assert.deepEqual(done, ["drain", "end"]);
});
