import { ConfigError, WrongValue } from "../../config/config_error.ts";
import { checkCredential } from "../../config/values/user.ts";
import { askHidden, inputLine, isTerminal } from "./hidden_line.ts";

/** Throws ConfigError if a line of a users file cannot begin with that name. */
export function checkUserName(name: string): void {
  const state = name.includes(":")
    ? "a colon ends the name in the file"
    : /[\r\n]/.test(name)
    ? "there is a line end in it"
    : name.startsWith("#")
    ? "a line that begins with # is a comment"
    : undefined;
  if (state !== undefined) throw new ConfigError(`Cannot use the name ${JSON.stringify(name)}: ${state}`);
  checked("name", name, `Cannot use the name ${JSON.stringify(name)}`);
}

/** The source of a password. */
export interface PasswordSource {
  /** True to read standard input, even if it is not a terminal. */
  readonly stdin: boolean;
  /** True if the user types it twice. */
  readonly twice: boolean;
}

/** The password that the user types for `name`, or a line of standard input. Rejects with ConfigError. */
export async function readNewPassword(name: string, { stdin, twice }: PasswordSource): Promise<Uint8Array> {
  const asks = !stdin && isTerminal();
  const password = asks ? await askHidden(`Password for ${name}: `) : await inputLine();
  checked("password", password, "Cannot use the password");
  if (asks && twice && await askHidden("The same again: ") !== password) {
    throw new ConfigError("Cannot use the password: the second one is another");
  }
  return new TextEncoder().encode(password);
}

function checked(what: "name" | "password", value: string, front: string): void {
  try {
    checkCredential(what, value);
  } catch (error) {
    throw error instanceof WrongValue ? new ConfigError(`${front}: ${error.message}`) : error;
  }
}
