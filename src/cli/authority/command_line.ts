import { Buffer } from "node:buffer";

/** A question and its answer are a line each, as Squid's helpers for basic authentication have them. */

/** So long an answer may be, in octets. */
export const MAX_ANSWER = 1_024;

/** `USER PASSWORD`, where all but letters, digits and -._~ is %XX. */
export function questionLine(user: string, password: Uint8Array): string {
  return `${escaped(Buffer.from(user))} ${escaped(password)}\n`;
}

/** Whether the password is that of the user; undefined where that is neither said nor denied. */
export function answerOf(line: string): boolean | undefined {
  const [word] = line.trim().split(" ");
  return word === "OK" ? true : word === "ERR" ? false : undefined;
}

function escaped(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => {
    const character = String.fromCharCode(octet);
    return /[A-Za-z0-9._~-]/.test(character) ? character : `%${octet.toString(16).padStart(2, "0").toUpperCase()}`;
  }).join("");
}
