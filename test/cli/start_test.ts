import assert from "node:assert/strict";
import { test } from "node:test";
import { shell } from "../support/program/program.ts";
import { scriptCommand } from "../support/program/runtime.ts";

test("no Error is created while modules load: its stack makes V8 read all source again, in each thread", async () => {
  const { stdout, code } = await shell(scriptCommand("test/support/program/errors_at_start.ts"));
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), []);
});
