import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import { loadServed } from "../../../src/cli/serve/config_thread.ts";
import { Ruleset } from "../../../src/gateway/rules/ruleset.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const folder = temporaryFolder("config-thread");
const entry = pathToFileURL(join(projectRoot, "mod.ts"));

/** Loads a file of so many rules after `head` as the program does. */
async function load(head: string, count: number, ...tail: readonly string[]) {
  const rules = Array.from({ length: count }, (_, i) => `[[rules]]\naction = "deny"\nnames = "host${i}.test"\n`);
  const config = join(folder, "gate46.toml");
  writeFileSync(config, [head, ...rules, ...tail].join(""));
  return await loadServed({ config, maxSessions: "77" }, entry);
}

const head = `drain = "7s"\nopen = true\n`;
const tail = `[[rules]]\naction = "allow"\nusers = "ann"\nvia = "socks5://u@192.0.2.1?password-file=up.password"\n`;

test("a large file, read in a thread, gives the same configuration as a small file", async () => {
  writeFileSync(join(folder, "up.password"), "hunter2");
  const small = await load(head, 100, tail), large = await load(head, 10_000, tail);
  assert.equal(small.config.rules.length, 101);
  assert.equal(large.config.rules.length, 1, "of the rules only the upstreams came over");
  assert.deepEqual({ ...large.config, rules: [] }, { ...small.config, rules: [] });
  assert.deepEqual(large.config.rules.map(({ via }) => via), [["socks5://u:hunter2@192.0.2.1"]]);
  assert.deepEqual([small, large].map(({ remarks }) => remarks.map((one) => one.replace(/ .*/, ""))), [
    ["rules[100]"],
    ["rules[10000]"],
  ]);
  assert.equal(large.rules.names.byteLength > 90 * small.rules.names.byteLength, true);
  assert.deepEqual(large.effective.maxSessions?.texts, ["77"]);
});

test("a large list is also read in a thread, and works", async () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `host${i}.test`);
  writeFileSync(join(folder, "names"), names.join("\n"));
  const { config, rules } = await load(`[[rules]]\naction = "deny"\nnames_file = "names"\nports = 25\n`, 0);
  assert.deepEqual(config.rules.map(({ ports }) => ports), [undefined], "of the rules only their files came over");
  const ruleset = new Ruleset({ rules, allow: [], ownListeners: () => [], localAddrs: () => [] });
  const judge = ruleset.judgeFor({ client: { host: "192.0.2.1", port: 1 }, command: Command.Connect });
  assert.deepEqual(["host19999.test", "host20000.test"].map((name) => judge.name(name, 25)?.rule), [
    "rules[0]",
    undefined,
  ]);
});

test("an error in a large file names the line, and a missing password names its file", async () => {
  const wrong = load(head, 10_000, `[[rules]]\naction = "alow"\n`);
  await assert.rejects(wrong, (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.problems.join("\n"), /^Cannot parse \S+gate46\.toml line 30004: rules\[10000\]\.action: 'alow'/);
    return true;
  });
  const missed = load(head, 10_000, tail.replace("up.password", "none"));
  await assert.rejects(missed, { problems: [`Cannot read ${join(folder, "none")}: it is not there (ENOENT)`] });
});
