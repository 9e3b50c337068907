import type { Budget } from "../../gateway/settings.ts";
import type { Quota } from "../../gateway/quotas/quota.ts";
import type { WayOut } from "../../gateway/way_out.ts";
import { WrongValue } from "../config_error.ts";

/** A user; the password stands here, or alone in a file, or in the users file. */
export interface ConfiguredUser {
  readonly name: string;
  readonly password?: string;
  readonly passwordFile?: string;
  /** What the user's sessions have together. */
  readonly budget?: Budget | undefined;
  /** What they may have relayed in a period. */
  readonly quota?: Quota | undefined;
  /** By what the user's sessions leave. */
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
 * RFC 1929 s2 has one octet for each length, and none may be 0. What nobody sees would make two that look like one, and scrypt
 * takes no notice of octets 0 at an end. Throws WrongValue.
 */
export function checkCredential(what: "name" | "password", value: string): void {
  if (value === "") throw new WrongValue(`the ${what} is empty`);
  if (value.includes("\0")) throw new WrongValue(`there is an octet 0 in the ${what}`);
  if (what === "name" && value.startsWith("\ufeff")) throw new WrongValue("the name begins with a byte order mark");
  if (new TextEncoder().encode(value).length > 255) throw new WrongValue(`the ${what} is longer than 255 octets`);
}
