import { parseIp } from "../../protocol/address.ts";
import { WrongValue } from "../config_error.ts";

/** A program's path and its arguments, separated by blanks. Throws WrongValue. */
export function parseCommand(text: string): readonly string[] {
  const words = text.split(" ").filter((word) => word !== "");
  if (!words[0]?.startsWith("/")) throw new WrongValue(`'${text}' begins with no path of a program (write /usr/…)`);
  return words;
}

/** A URL to which passwords may be sent: with TLS, or on this machine. Throws WrongValue. */
export function parseAuthUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new WrongValue("it is not a URL (write https://auth.example/check)");
  }
  if (url.username || url.password) throw new WrongValue("it has credentials, and clients' own are what is sent");
  if (url.protocol === "http:" && !isHere(url.hostname)) {
    throw new WrongValue(
      `passwords would go to ${url.hostname} in clear; write https://, or an address of this machine`,
    );
  }
  return url;
}

function isHere(host: string): boolean {
  const octets = parseIp(host.replace(/^\[|\]$/g, ""));
  return host === "localhost" || (octets?.length === 4 ? octets[0] === 127 : host === "[::1]");
}
