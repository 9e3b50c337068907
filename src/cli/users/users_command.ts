import { existsSync } from "node:fs";
import process from "node:process";
import { ConfigError } from "../../config/config_error.ts";
import { flagName, variableName } from "../../config/options.ts";
import { nearest } from "../../config/nearest.ts";
import type { RawOptions } from "../../config/source.ts";
import { systemClock } from "../../net/clock.ts";
import { loadConfigHere } from "../files/standard_config.ts";
import { readText } from "../files/text_file.ts";
import { parseUserLines, usersFileLine } from "../files/users_file.ts";
import { printable } from "../log/printable.ts";
import { print } from "../print.ts";
import { checkUserName, readNewPassword } from "./credentials.ts";
import { isTerminal } from "./hidden_line.ts";
import { addUser, changeUser, refuseKnown, refuseUnknown, removeUser } from "./users_file_changes.ts";

const actions = ["add", "passwd", "remove", "list"] as const;

/** The options of `gate46 users`, without those that name the file. */
export interface UsersFlags {
  readonly stdin?: boolean | undefined;
}

/** `gate46 users add|passwd|remove NAME` and `list`: edit or list the configuration's users. Rejects with ConfigError. */
export async function usersCommand(
  flags: RawOptions,
  { stdin = false }: UsersFlags,
  said: string,
  name: string | undefined,
): Promise<void> {
  const action = actions.find((one) => one === said);
  if (!action) {
    const near = nearest(said, actions);
    throw new ConfigError(
      `Cannot do '${said}' with users: ${near ? `did you mean ${near}?` : `there are ${actions.join(", ")}`}`,
    );
  }
  const file = await usersFileOf(flags);
  if (action === "list") {
    if (name !== undefined) throw new ConfigError("Cannot list one user: say users list alone");
    return await list(file);
  }
  if (name === undefined) throw new ConfigError(`Cannot ${action} nobody: say users ${action} NAME`);
  checkUserName(name);
  if (action === "remove") return await remove(file, name);
  const source = { stdin: mayRead(stdin), twice: true };
  // Checks the name before the user types a password twice.
  const known = existsSync(file) ? parseUserLines(await readText(file), file) : new Map();
  if (action === "passwd") refuseUnknown(known, name, file, "change");
  else refuseKnown(known, name, file);
  const line = await usersFileLine(name, await readNewPassword(name, source));
  const change = action === "add" ? addUser : changeUser;
  await change(file, systemClock, name, line);
  await told(`${action === "add" ? "added" : "changed"} ${printable(name)} in ${file}`);
}

async function list(file: string): Promise<void> {
  const names = [...parseUserLines(await readText(file), file).keys()];
  await print(names.map((name) => `${printable(name)}\n`).join(""));
}

async function remove(file: string, name: string): Promise<void> {
  const left = await removeUser(file, systemClock, name);
  await told(`removed ${printable(name)} from ${file}`);
  if (left === 0) process.stderr.write(`gate46: warning: no user is left in ${file}: gate46 does not start with it\n`);
}

async function told(what: string): Promise<void> {
  await print(`${what}; a gateway that runs reads it at its next reload\n`);
}

/** True to read the password from standard input. Throws ConfigError if there is neither a terminal nor --stdin. */
function mayRead(stdin: boolean): boolean {
  if (stdin || isTerminal()) return stdin;
  throw new ConfigError("Cannot ask for a password: standard input is no terminal; say --stdin to read it from there");
}

/** The file that a flag or a variable names, else that of the configuration. Rejects with ConfigError. */
async function usersFileOf(flags: RawOptions): Promise<string> {
  const said = flags.usersFile ?? process.env[variableName("usersFile")];
  const file = said ? String(said) : (await loadConfigHere(flags)).config.usersFile;
  if (file !== undefined) return file;
  throw new ConfigError(
    `Cannot find the users: no file is named; say ${flagName("usersFile")} FILE, or users_file in the configuration`,
  );
}
