import process from "node:process";
import { type Command, CommanderError } from "commander";
import { ConfigError } from "../config/config_error.ts";
import { nearest } from "../config/nearest.ts";
import { NetError } from "../net/error.ts";
import { checkRuntime } from "../net/open.ts";
import { program } from "./program.ts";

/** Runs the command line; workers start with `entry`. Resolves with the exit code: 1 for failures, 2 for bad input. */
export async function main(args: readonly string[], entry: URL): Promise<number> {
  let code = 0;
  const root = program(entry, (exitCode) => code = exitCode, args[0] === "completion" ? undefined : args);
  try {
    checkRuntime();
    refuseUnknown(args[0] ?? "serve", ["serve", ...root.commands.map((command) => command.name())]);
    await root.parseAsync(args[0] === "serve" ? args.slice(1) : [...args], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0; // --help and --version
      const flag = /'(--[^=']+)=/.exec(error.message)?.[1];
      if (flag !== undefined && isSwitch(root, flag)) return complain(`Cannot parse ${flag}: it takes no value`, 2);
      // Hides the value, which may be a password: --usr=ann:secret
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

/** True if the flag, of any command, is a switch without a value. */
function isSwitch(root: Command, flag: string): boolean {
  return [root, ...root.commands].some(({ options }) => options.some((one) => one.long === flag && one.isBoolean()));
}

/** Throws ConfigError for an unknown command. */
function refuseUnknown(word: string, commands: readonly string[]): void {
  if (word.startsWith("-") || commands.includes(word)) return;
  const meant = nearest(word, commands);
  throw new ConfigError(
    `Cannot do '${word}': no such command${meant === undefined ? "" : ` (did you mean ${meant}?)`}`,
  );
}

function complain(message: string, code: number): number {
  process.stderr.write(`gate46: ${message}\n`);
  return code;
}
