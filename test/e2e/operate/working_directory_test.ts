import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { executables, shell } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const folder = temporaryFolder("working");
const names = [
  ".env",
  ".env.local",
  ".env.production",
  ".env.development",
  ".npmrc",
  "bunfig.toml",
  "package.json",
  "tsconfig.json",
  "jsconfig.json",
  "deno.json",
  "deno.jsonc",
  "deno.lock",
  "gate46.json",
];
const made = await shell(["mkfifo", ...names.map((name) => join(folder, name))]).then(
  ({ code }) => code === 0,
  () => false,
);
const noPipes = skipped("working directory", !made && "no mkfifo");

for (const target of executables) {
  test(`${target.name}: opens no file of the working directory`, { skip: noPipes }, async () => {
    // Whoever opens a pipe that nobody writes to waits for ever, which timeout(1) ends with 124.
    const { code, stdout } = await shell([
      "timeout",
      "60",
      "sh",
      "-c",
      'cd "$0" && exec "$@"',
      folder,
      ...target.command,
      "--help",
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /Usage: gate46/);
  });
}
