import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const toolchain = join(projectRoot, "scripts/toolchain/node_modules/.bin");
const env = { ...process.env, PATH: `${process.env.PATH}:${toolchain}`, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
const deno = (...args: readonly string[]) => spawnSync("deno", args, { cwd: projectRoot, env, encoding: "utf8" });
/** From elsewhere: it takes no flag for the configuration, and would install what this project's says. */
const doc = (...args: readonly string[]) =>
  spawnSync("deno", ["doc", ...args], { cwd: elsewhere, env, encoding: "utf8" });
const elsewhere = temporaryFolder("doc");
writeFileSync(join(elsewhere, "deno.json"), '{ "nodeModulesDir": "manual", "unstable": ["net"] }');
const missing = deno("--version").status !== 0;

/** As deno.json, but that nothing is installed: other tests read what is there. */
const config = join(projectRoot, ".deno.publish.json");
before(() => {
  const text = readFileSync(join(projectRoot, "deno.json"), "utf8");
  writeFileSync(config, text.replace('"nodeModulesDir": "auto"', '"nodeModulesDir": "manual"'));
});
after(() => rmSync(config, { force: true }));

describe("what mod.ts exports", { skip: skipped("public_api_test.ts", missing && "deno is not here") }, () => {
  test("every symbol and member has its words, and no type of it is kept back", () => {
    const { status, stdout, stderr } = doc("--lint", join(projectRoot, "mod.ts"));
    assert.equal(
      status,
      0,
      `${stdout}${stderr}`.split("\n").filter((line) => !/warning|^ {4}at /i.test(line)).join("\n"),
    );
  });

  test("deno publish would take it, without tests and scripts", () => {
    const { status, stdout, stderr } = deno("publish", "--dry-run", "--allow-dirty", "--no-check", "--config", config);
    assert.equal(status, 0, stderr);
    const files = Array.from(`${stdout}${stderr}`.matchAll(/file:\/\/(\S+) \(/g), ([, path]) => path!);
    assert.ok(files.includes(join(projectRoot, "mod.ts")), String(files));
    assert.deepEqual(
      files.filter((path) => /\/(test|scripts|node_modules|docs)\//.test(path.slice(projectRoot.length))),
      [],
    );
  });

  test("the licence and the version are those of package.json", () => {
    const read = (name: string) => JSON.parse(readFileSync(join(projectRoot, name), "utf8"));
    const { license, version } = read("package.json");
    assert.deepEqual([read("deno.json").license, read("deno.json").version], [license, version]);
  });
});
