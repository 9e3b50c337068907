import assert from "node:assert/strict";
import { test } from "node:test";
import { loginsBeside } from "../../../src/cli/workers/threaded_service.ts";
import { Counters, countersMemory } from "../../../src/gateway/limits/counters.ts";
import { Failures } from "../../../src/gateway/limits/failures.ts";
import { Engine } from "../../../src/net/linux/engine/engine.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import { skipped } from "../../support/program/skipped.ts";

const libc = await openLibc();
const skip = skipped("threaded_service_test.ts", libc ? false : "the Linux engine cannot run here");

test("a worker sees the wrong passwords that the main thread has counted", { skip }, () => {
  const memory = countersMemory(2, (size) => new SharedArrayBuffer(size));
  const settings = { maxFailures: 10, failuresExempt: [] };
  const { counters, clock } = loginsBeside(1, memory);
  const engine = new Engine(libc!, { fault: (error) => assert.fail(String(error)) });
  const worker = new Failures(new Counters(memory, 0), engine.timers, settings);
  assert.equal(worker.hasAny("192.0.2.1"), false);
  new Failures(counters, clock, settings).add("192.0.2.1", "ann");
  assert.equal(worker.hasAny("192.0.2.1"), true);
  engine.dispose();
});
