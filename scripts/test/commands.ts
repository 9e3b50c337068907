import { UsageError } from "./usage_error.ts";
import { spawnSync } from "node:child_process";
import type { Run, Runtime } from "./plan.ts";

/** The runtime's own executable, where what PATH names may be a script around it: tests are known by its process. */
export function executableOf(runtime: Runtime): string {
  const args = runtime === "deno" ? ["eval", "console.log(Deno.execPath())"] : ["-p", "process.execPath"];
  const { stdout } = spawnSync(runtime, args, { encoding: "utf8" });
  if (!stdout?.trim()) throw new UsageError(`Cannot run ${runtime}: is it in PATH?`);
  return stdout.trim();
}

/** Runs a test file and writes a JUnit report. */
export function testCommand(executable: string, { runtime, file }: Run, report: string): readonly string[] {
  return runtime === "deno"
    ? [executable, "test", "-A", "--quiet", "--no-check", "--node-modules-dir=manual", `--junit-path=${report}`, file]
    : [executable, "test", "--timeout", "120000", "--reporter=junit", `--reporter-outfile=${report}`, `./${file}`];
}
