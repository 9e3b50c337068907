import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command } from "../../support/program/command.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

test("gate46 reload refuses a broken file with the error of the gateway", async () => {
  const path = join(temporaryFolder("reload"), "gate46.toml");
  writeFileSync(path, 'prefer = "ipv9"\n');
  const { code, stdout, stderr } = await command(["reload", "--config", path]);
  assert.deepEqual([code, stdout], [1, "not reloaded: the gateway goes on as before\n"]);
  assert.match(stderr, /^gate46: Cannot parse \S+ line 1: prefer: .*\n$/);
  assert.equal((await command(["reload", "--config", `${path}.missing`])).code, 2);
});
