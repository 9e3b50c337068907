import process from "node:process";
import { main } from "../../../src/cli/main.ts";
import { type Ended, executables, shell, type Target } from "./program.ts";

/** Runs a command of the program in this process, one at a time: most of what a start costs is the runtime's. Not for serve, which stays. */
export async function command(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  let stdout = "", stderr = "";
  const { stdout: out, stderr: err } = process;
  const [writeOut, writeErr] = [out.write, err.write];
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  out.write = ((text: string, then?: () => void) => (stdout += text, then?.(), true)) as typeof writeOut;
  err.write = ((text: string) => (stderr += text, true)) as typeof writeErr;
  try {
    const code = await main(args, new URL("file:///"));
    return { code, stdout, stderr };
  } finally {
    Object.assign(out, { write: writeOut });
    Object.assign(err, { write: writeErr });
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** What a command says that `target` is given: from source it needs no start of its own. */
export async function commandOf(
  target: Target,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return executables.includes(target)
    ? await shell([...target.command, ...args], "", variables)
    : await command(args, variables);
}
