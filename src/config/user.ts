import { WrongValue } from "./error.ts";

/** A user that is not in the users file; the password stands here or alone in a file. */
export interface ConfiguredUser {
  readonly name: string;
  readonly password?: string;
  readonly passwordFile?: string;
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

/** RFC 1929 s2 has one octet for each length, and none may be 0. Throws WrongValue. */
export function checkCredential(what: "name" | "password", value: string): void {
  if (value === "") throw new WrongValue(`the ${what} is empty`);
  if (new TextEncoder().encode(value).length > 255) throw new WrongValue(`the ${what} is longer than 255 octets`);
}
