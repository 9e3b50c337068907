import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { manPage } from "../../scripts/package/man.ts";
import { program } from "../../src/cli/program.ts";
import { fileKey, optionKeys, optionOf, variableName } from "../../src/config/options.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const page = manPage(new Date("2026-01-02"));
const plain = page.replaceAll("\\-", "-");

test("the man page has every command, flag, variable and key of the file", () => {
  const root = program(new URL("file:///"), () => {});
  for (const command of root.commands) {
    assert.match(plain, new RegExp(`^\\\\fB${command.name()} `, "m"));
    for (const { long } of command.options) assert.ok(plain.includes(`\\fB${long}`), `${command.name()} ${long}`);
  }
  for (const { flags } of root.options) assert.ok(plain.includes(`\\fB${flags.split(" <")[0]}`), flags);
  for (const key of optionKeys) {
    assert.ok(plain.includes(`Also ${variableName(key)}`), key);
    if (!optionOf(key).notInFile) assert.match(plain, new RegExp(`${fileKey(key)}\\sin\\sthe\\sfile`));
  }
});

test("the man page has every signal that the program listens to", () => {
  const listeners = readFileSync(join(projectRoot, "src/cli/serve/signals.ts"), "utf8");
  const signals = new Set(Array.from(listeners.matchAll(/"(SIG[A-Z0-9]+)"/g), ([, name]) => name!));
  assert.ok(signals.size >= 4);
  for (const name of signals) assert.ok(page.includes(name), name);
});

const checkers = [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-z"]] as const;
for (const [checker, ...flags] of checkers) {
  const here = spawnSync("which", [checker]).status === 0;
  test(`${checker} finds nothing wrong in the man page`, {
    skip: skipped(`man_test.ts, ${checker}`, !here && `${checker} is not here`),
  }, () => {
    const file = join(temporaryFolder("man"), "gate46.1");
    writeFileSync(file, page);
    const { status, stdout, stderr } = spawnSync(checker, [...flags, file], { encoding: "utf8" });
    assert.equal(stdout + stderr, "");
    assert.equal(status, 0);
  });
}
