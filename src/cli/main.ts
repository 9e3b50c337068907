import process from "node:process";
import { CommanderError } from "commander";
import { ConfigError } from "../config/error.ts";
import { NetError } from "../net/error.ts";
import { program } from "./program.ts";

/** Runs the command line; workers begin with the module `entry`. Resolves with the exit code: 1 for what the world refused, 2 for what was written wrongly. */
export async function main(args: readonly string[], entry: URL): Promise<number> {
  let code = 0;
  try {
    await program(entry, (exitCode) => code = exitCode).parseAsync(args[0] === "serve" ? args.slice(1) : [...args], {
      from: "user",
    });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0; // --help and --version
      // A value may be a password: --usr=ann:secret
      return complain(
        error.message.replace(/^error: /, "").replace(/\s+/g, " ").replace(/'(--[^=']+)=[^']*'/g, "'$1'"),
        2,
      );
    }
    if (error instanceof ConfigError) {
      for (const problem of error.problems) complain(problem, 2);
      return 2;
    }
    if (error instanceof NetError) return complain(error.message, 1);
    throw error;
  }
}

function complain(message: string, code: number): number {
  process.stderr.write(`gate46: ${message}\n`);
  return code;
}
