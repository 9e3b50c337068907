import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const skip = skipped(
  "systemd_test.ts",
  spawnSync("systemd-analyze", ["--version"]).status === 0 ? false : "systemd-analyze is not here",
);
const deployed = join(import.meta.dirname!, "../../scripts/deploy/systemd");
const unit = readFileSync(join(deployed, "gate46.service"), "utf8");

/** What systemd-analyze says of a unit, with an executable that exists. */
function analyze(name: string, ...args: readonly string[]): { status: number | null; output: string } {
  const folder = temporaryFolder("unit");
  copyFileSync(join(deployed, "gate46.socket"), join(folder, "gate46.socket"));
  writeFileSync(join(folder, "gate46.service"), unit.replace("/usr/local/bin/gate46", process.execPath));
  const { status, stdout, stderr } = spawnSync("systemd-analyze", [...args, join(folder, name)], { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

for (const name of ["gate46.service", "gate46.socket"]) {
  test(`systemd understands ${name}`, { skip }, () => {
    assert.deepEqual(analyze(name, "verify"), { status: 0, output: "" });
  });
}

test("the unit is as hardened as it says", { skip }, () => {
  const said = Number(/gives it (\d\.\d)/.exec(unit)![1]);
  const { output } = analyze("gate46.service", "security", "--offline=true");
  const found = Number(/exposure level for gate46\.service: (\d+\.\d)/.exec(output)?.[1]);
  assert.ok(found <= said + 0.3, output); // each release of systemd weighs a little differently
});
