import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { manPage } from "../../scripts/package/man.ts";
import { filePage } from "../../scripts/package/man_file.ts";
import { configSchema } from "../../scripts/config_schema.ts";
import { program } from "../../src/cli/program.ts";
import { fileKey, optionKeys, optionOf, variableName } from "../../src/config/options.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const day = new Date("2026-01-02");
const page = manPage(day);
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

test("gate46.toml(5) has every key of the file, and of its tables", () => {
  const { properties } = JSON.parse(configSchema()) as {
    properties: Record<string, { items?: { properties?: Record<string, unknown> } }>;
  };
  const page = filePage(day);
  for (const [key, { items }] of Object.entries(properties)) {
    if (!items?.properties) assert.match(page, new RegExp(`^\\\\fB${key}\\\\fR$`, "m"));
    else {
      const table = page.split(`.SS "[[${key}]]"`)[1]!.split(/^\.S[SH] /m)[0]!;
      for (const name of Object.keys(items.properties)) assert.ok(table.includes(`\\fB${name}\\fR`), `${key}.${name}`);
    }
  }
});

const checkers = [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-z"]] as const;
for (const [checker, ...flags] of checkers) {
  const here = spawnSync("which", [checker]).status === 0;
  for (const [name, content] of [["gate46.1", page], ["gate46.toml.5", filePage(day)]] as const) {
    test(`${checker} finds nothing wrong in ${name}`, {
      skip: skipped(`man_test.ts, ${checker}`, !here && `${checker} is not here`),
    }, () => {
      const file = join(temporaryFolder("man"), name);
      writeFileSync(file, content);
      const { status, stdout, stderr } = spawnSync(checker, [...flags, file], { encoding: "utf8" });
      assert.equal(stdout + stderr, "");
      assert.equal(status, 0);
    });
  }
}
