import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bashScript } from "../../src/cli/completion/bash.ts";
import { fishScript } from "../../src/cli/completion/fish.ts";
import { grammarOf } from "../../src/cli/completion/grammar.ts";
import { zshScript } from "../../src/cli/completion/zsh.ts";
import { program } from "../../src/cli/program.ts";
import { udpFilters } from "../../src/config/options.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";

/** A real shell, and how it is asked what may stand in the place of the last of some words. */
interface Shell {
  readonly name: "bash" | "fish" | "zsh";
  readonly script: string;
  /** Words of `completes.SHELL` in test/support/completion. */
  readonly command: readonly string[];
}

const grammar = grammarOf(program(new URL("file:///"), () => {}));
const shells: readonly Shell[] = [
  { name: "bash", script: bashScript(grammar), command: ["bash", "--norc"] },
  { name: "fish", script: fishScript(grammar), command: ["fish", "--no-config"] },
  { name: "zsh", script: zshScript(grammar), command: ["zsh", "-f"] },
];

for (const { name, script, command } of shells) {
  const found = spawnSync(command[0]!, ["--version"]).status === 0;
  describe(
    `completion in ${name}`,
    { skip: skipped(`completion_test.ts, ${name}`, !found && `${name} is not here`) },
    () => {
      let folder: string;
      before(() => {
        folder = mkdtempSync(join(tmpdir(), "gate46-completion-"));
        mkdirSync(join(folder, "sub"));
        writeFileSync(join(folder, "sub/one.toml"), "");
        writeFileSync(join(folder, "gate46.toml"), "");
        writeFileSync(join(folder, "_gate46"), script);
      });
      after(() => rmSync(folder, { recursive: true }));

      /** What the shell offers in place of the last of `words`. */
      const offered = (...words: readonly string[]): readonly string[] => {
        const asking = join(projectRoot, `test/support/completion/completes.${name}`);
        const { stdout, stderr } = spawnSync(command[0]!, [...command.slice(1), asking, "_gate46", ...words], {
          cwd: folder,
          encoding: "utf8",
          env: { PATH: "/usr/bin:/bin", HOME: folder, TERM: "dumb" },
          timeout: 60_000,
        });
        assert.equal(stderr, "");
        return stdout.split("\n").filter(Boolean).sort();
      };

      test("commands come first", () => {
        const commands = grammar.commands.map(({ name }) => name).sort();
        assert.deepEqual(offered("gate46", ""), commands);
        assert.deepEqual(offered("gate46", "--watch", "--listen", ":1080", "co"), ["completion", "config"]);
      });

      test("each command has its own flags", () => {
        assert.deepEqual(offered("gate46", "--log-f"), ["--log-file", "--log-format"]);
        assert.deepEqual(offered("gate46", "serve", "--log-f"), ["--log-file", "--log-format"]);
        assert.deepEqual(offered("gate46", "sessions", "--j"), ["--json"]);
        assert.deepEqual(offered("gate46", "check", "--log"), []);
        assert.deepEqual(offered("gate46", "explain", "--cl"), ["--client"]);
      });

      test("every flag of the program is offered", () => {
        const long = grammar.flags.map(({ names }) => names.at(-1)!).sort();
        assert.deepEqual(offered("gate46", "--").filter((word) => word.startsWith("--")), long);
      });

      test("known values are offered, free-form values are not", () => {
        assert.deepEqual(offered("gate46", "--udp-filter", ""), [...udpFilters].sort());
        assert.deepEqual(offered("gate46", "config", "--log-format", "j"), ["json"]);
        assert.deepEqual(offered("gate46", "--interface", "lo"), ["lo"]);
        assert.deepEqual(offered("gate46", "--listen", ""), []);
      });

      test("a value may follow '='", () => {
        assert.deepEqual(offered("gate46", "--log-level=w").map((word) => word.replace(/^.*=/, "")), ["warning"]);
      });

      test("files are offered for file arguments", () => {
        assert.deepEqual(offered("gate46", "--config", "gate"), ["gate46.toml"]);
        assert.deepEqual(offered("gate46", "check", "sub/").map((word) => word.replace(/^sub\//, "")), ["one.toml"]);
      });

      test("arguments are completed by position", () => {
        const explained = ["bind", "connect", "forward", "host", "resolve", "resolve-ptr", "sni", "udp-associate"];
        assert.deepEqual(offered("gate46", "explain", "--client", "192.0.2.1", ""), explained);
        assert.deepEqual(offered("gate46", "explain", "connect", ""), []);
        assert.deepEqual(offered("gate46", "completion", "f"), ["fish"]);
        assert.deepEqual(offered("gate46", "users", ""), ["add", "list", "passwd", "remove"]);
        assert.deepEqual(offered("gate46", "help", "use"), ["users"]);
      });
    },
  );
}
