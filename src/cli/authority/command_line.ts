import { Buffer } from "node:buffer";

/** A question is one line and its answer is one line, as with Squid's helpers for basic authentication. */

/** Maximum length of an answer (octets). */
export const MAX_ANSWER = 1_024;

/** `USER PASSWORD`; each octet except letters, digits and -._~ is written as %XX. */
export function questionLine(user: string, password: Uint8Array): string {
  return `${escaped(Buffer.from(user))} ${escaped(password)}\n`;
}

/** True if the password is the user's, false if not; undefined if the line says neither. */
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
