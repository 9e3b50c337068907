import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { readFile } from "../../src/config/file/config_file.ts";
import { goldenCases, goldenFiles } from "../support/docs/golden.ts";
import { command } from "../support/program/command.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const folder = temporaryFolder("golden"), path = join(folder, "gate46.toml");
const hash = "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"; // of no password
writeFileSync(join(folder, "users"), ["ann", "guest"].map((name) => `${name}:${hash}\n`).join(""), { mode: 0o600 });

/** What is wrong with a file, in the words of an outcome. */
function faults(toml: string): readonly string[] {
  try {
    readConfig({ file: readFile(toml, "gate46.toml", (path) => `/etc/gate46/${path}`) });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => problem.replace("Cannot parse gate46.toml ", ""));
  }
}

for (const file of goldenFiles()) {
  describe(`Golden files: ${file}`, () => {
    for (const { toml, outcome } of goldenCases(file)) {
      test(JSON.stringify(toml).slice(1, 70), async () => {
        const questions = outcome.filter((line) => line.startsWith("explain "));
        assert.deepEqual(faults(toml), outcome.filter((line) => line !== "valid" && !questions.includes(line)));
        writeFileSync(path, toml);
        for (const line of questions) {
          const [, question, verdict] = /^explain (.*): ((?:allow|deny): .*)$/.exec(line)!;
          const { stdout } = await command(["explain", "--config", path, ...question!.split(" ")]);
          assert.ok(stdout.includes(verdict!), `${question} is answered\n${stdout}`);
        }
      });
    }
  });
}
