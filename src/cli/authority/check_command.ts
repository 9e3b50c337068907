import { accessSync, constants, statSync } from "node:fs";
import { ConfigError } from "../../config/config_error.ts";

/** Throws ConfigError if the program of --auth-command cannot be run. */
export function checkCommand([program]: readonly string[] = []): void {
  if (program === undefined) return;
  const wrong = (state: string) => new ConfigError(`Cannot run ${program} (--auth-command): ${state}`);
  try {
    accessSync(program, constants.X_OK);
  } catch (error) {
    const { code } = error as { code?: string };
    throw wrong(code === "ENOENT" ? "it is not there" : code === "EACCES" ? "this user may not" : String(code));
  }
  if (statSync(program).isDirectory()) throw wrong("it is a folder");
}
