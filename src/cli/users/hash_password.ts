import { systemClock } from "../../net/clock.ts";
import { usersFileLine } from "../files/users_file.ts";
import { print } from "../print.ts";
import { checkUserName, readNewPassword } from "./credentials.ts";
import { addUser } from "./users_file_changes.ts";

/** `gate46 hash-password NAME`: reads a password, prints its users file line or adds it to `file`. Rejects with ConfigError. */
export async function hashPasswordCommand(name: string, file: string | undefined): Promise<void> {
  checkUserName(name);
  const line = await usersFileLine(name, await readNewPassword(name, { stdin: false, twice: false }));
  if (file === undefined) await print(`${line}\n`);
  else await addUser(file, systemClock, name, line);
}
