import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { ConfigError } from "../../../src/config/config_error.ts";
import { checkFolder, quotaFile } from "../../../src/cli/quotas/quota_file.ts";
import { shell } from "../../support/program/program.ts";
import { scriptCommand } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const skip = skipped("quota_file_test.ts", process.platform === "win32" && "Windows has no ulimit");

test("a full disk keeps the old quota file, and leaves no temporary file", { skip }, async () => {
  const path = join(temporaryFolder("quota-file"), "quota.json");
  const before = new Map([["ann", { since: 0, until: 1, bytes: 7 }]]);
  quotaFile(path).save(before);
  // The first 4 KiB are written, then the limit refuses the rest, as a full disk does.
  const limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 8; exec "$@"', "sh"];
  const { stdout, stderr } = await shell([...limited, ...scriptCommand("test/cli/quotas/scripts/save.ts"), path]);
  assert.equal(stdout, "refused\n", stderr);
  assert.deepEqual(quotaFile(path).load(), before);
  assert.equal(existsSync(`${path}.new`), false);
});

test("a quota file in a missing folder is refused at start", () => {
  const path = join(temporaryFolder("quota-file"), "nowhere", "quota.json");
  for (const refused of [() => quotaFile(path).load(), () => checkFolder(path)]) {
    assert.throws(refused, (error) => error instanceof ConfigError && error.message.includes(`${path} (--quota-file)`));
  }
});
