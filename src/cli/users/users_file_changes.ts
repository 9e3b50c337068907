import { ConfigError } from "../../config/config_error.ts";
import { nearest } from "../../config/nearest.ts";
import type { Clock } from "../../net/clock.ts";
import { parseUserLines } from "../files/users_file.ts";
import { changeFile } from "./replaced_file.ts";
import { withLine, withOtherLine, withoutLine } from "./users_text.ts";

/** Adds `line` for a user who is not in the file; creates a missing file. Rejects with ConfigError. */
export async function addUser(file: string, clock: Clock, name: string, line: string): Promise<void> {
  await changeFile(file, clock, (text) => {
    refuseKnown(parseUserLines(text, file), name, file);
    return withLine(text, line);
  });
}

/** Replaces the user's line by `line`. Rejects with ConfigError if there is no such user. */
export async function changeUser(file: string, clock: Clock, name: string, line: string): Promise<void> {
  await changeFile(file, clock, (text) => {
    refuseUnknown(parseUserLines(text, file), name, file, "change");
    return withOtherLine(text, name, line);
  });
}

/** Removes the user; resolves with the number of users left. Rejects with ConfigError if there is no such user. */
export async function removeUser(file: string, clock: Clock, name: string): Promise<number> {
  let left = 0;
  await changeFile(file, clock, (text) => {
    const users = parseUserLines(text, file);
    refuseUnknown(users, name, file, "remove");
    left = users.size - 1;
    return withoutLine(text, name);
  });
  return left;
}

/** Throws ConfigError if the user exists. */
export function refuseKnown(users: ReadonlyMap<string, unknown>, name: string, file: string): void {
  if (!users.has(name)) return;
  throw new ConfigError(`Cannot add ${shown(name)}: ${file} has that user (users passwd changes the password)`);
}

/** Throws ConfigError if the user does not exist. */
export function refuseUnknown(users: ReadonlyMap<string, unknown>, name: string, file: string, verb: string): void {
  if (users.has(name)) return;
  const near = nearest(name, [...users.keys()]);
  const meant = near === undefined ? "" : ` (did you mean ${shown(near)}?)`;
  throw new ConfigError(`Cannot ${verb} ${shown(name)}: no such user in ${file}${meant}`);
}

function shown(name: string): string {
  return JSON.stringify(name);
}
