import type { Budget } from "../../gateway/settings.ts";
import type { Quota } from "../../gateway/quotas/quota.ts";
import type { WayOut } from "../../gateway/way_out.ts";
import { WrongValue } from "../config_error.ts";

/** A user; the password is here, in a file of its own, or in the users file. */
export interface ConfiguredUser {
  readonly name: string;
  readonly password?: string;
  readonly passwordFile?: string;
  /** The shared limits of the user's sessions. */
  readonly budget?: Budget | undefined;
  /** The octets that they may relay in a period. */
  readonly quota?: Quota | undefined;
  /** The source addresses, interface and mark of the user's sessions. */
  readonly wayOut?: WayOut | undefined;
}

/** NAME:PASSWORD. It may hold a password, so no error repeats it. Throws WrongValue. */
export function parseUser(text: string): ConfiguredUser {
  const colon = text.indexOf(":");
  if (colon < 1 || colon === text.length - 1) throw new WrongValue("not NAME:PASSWORD");
  const [name, password] = [text.slice(0, colon), text.slice(colon + 1)];
  checkCredential("name", name);
  checkCredential("password", password);
  return { name, password };
}

/**
 * RFC 1929 s2 has one octet for each length, and forbids length 0. Invisible characters would make two names look alike, and
 * scrypt ignores trailing octets of 0. Throws WrongValue.
 */
export function checkCredential(what: "name" | "password", value: string): void {
  if (value === "") throw new WrongValue(`the ${what} is empty`);
  if (value.includes("\0")) throw new WrongValue(`there is an octet 0 in the ${what}`);
  if (what === "name" && value.startsWith("\ufeff")) throw new WrongValue("the name begins with a byte order mark");
  if (new TextEncoder().encode(value).length > 255) throw new WrongValue(`the ${what} is longer than 255 octets`);
}
