import assert from "node:assert/strict";
import { test } from "node:test";
import { shell } from "../support/program.ts";
import { scriptCommand } from "../support/runtime.ts";

test("no Error is made while modules load: for its stack V8 reads all source again, in each thread", async () => {
  const { stdout, code } = await shell(scriptCommand("test/support/errors_at_start.ts"));
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), []);
});
