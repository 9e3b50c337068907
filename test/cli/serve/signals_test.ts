import assert from "node:assert/strict";
import { test } from "node:test";
import { SAME_SIGNAL_MS, stopSignals } from "../../../src/cli/serve/signals.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

test("signals within a second count as one; the second drains no longer, and the third ends the program", async () => {
  const clock = new TestClock();
  const done: string[] = [];
  const steps = ["drain", "cut", "end"].map((step) => () => void done.push(step));
  const signal = stopSignals(clock, ...steps);
  signal();
  signal(); // timeout(1), and each of a terminal and a task runner, send their own
  await clock.advance(SAME_SIGNAL_MS - 1);
  signal();
  assert.deepEqual(done, ["drain"]);
  await clock.advance(1);
  signal();
  signal();
  assert.deepEqual(done, ["drain", "cut"]);
  await clock.advance(SAME_SIGNAL_MS);
  signal();
  assert.deepEqual(done, ["drain", "cut", "end"]);
});
