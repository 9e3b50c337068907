import { type Address, ipAddress, nameAddress, parseIp } from "../../protocol/address.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import { parsePrefix, type Prefix, prefixAround } from "../../protocol/ip/prefix.ts";
import { type NamePattern, parseNamePattern } from "../../gateway/rules/name_pattern.ts";
import type { PortRange, ProxySource } from "../../gateway/settings.ts";
import { parseHop } from "../../sockslib/chain/hop.ts";
import { WrongValue } from "../config_error.ts";
import { withPassword } from "./hop_password.ts";

/** Values as the user writes them. All functions throw WrongValue. */

const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** The longest time of a timer (ms). */
const MAX_TIME_MS = 2 ** 31 - 1;

/** `10`, `10s`, `500ms`, `5m` or `1h`, in ms. */
export function parseTime(text: string, leastMs = 1): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const ms = match && Number(match[1]) * units[(match[2] ?? "s") as keyof typeof units];
  if (ms !== null && ms > MAX_TIME_MS) {
    throw new WrongValue(`'${text}' is too long (at most ${Math.floor(MAX_TIME_MS / units.h)}h)`);
  }
  if (ms === null) throw new WrongValue(`'${text}' is not a time (write 10s, 500ms, 5m or 1h)`);
  if (ms < leastMs) throw new WrongValue(`'${text}' is too short`);
  return ms;
}

/** `1000`, `500k`, `10M` or `1G`: octets, in powers of 1000. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kMG]?)$/.exec(text);
  const size = match && Number(match[1]) * { "": 1, k: 1e3, M: 1e6, G: 1e9 }[match[2] as "" | "k" | "M" | "G"];
  if (!size || size < 1 || size > 2e9) throw new WrongValue(`'${text}' is not a size (write 500k, 10M or 1G)`);
  return size;
}

export function timeText(ms: number): string {
  if (ms === 0) return "0s";
  const [unit, size] = Object.entries(units).find(([, size]) => ms % size === 0)!;
  return `${ms / size}${unit}`;
}

export function parseCount(text: string): number {
  return parseWhole(text, 999_999_999);
}

/** Each worker takes 5 to 11 MB, and a thread. */
export function parseWorkers(text: string): number {
  return parseWhole(text, 256);
}

/** The mark of a socket (SO_MARK): 32 bits. */
export function parseMark(text: string): number {
  return parseWhole(text, 0xffff_ffff);
}

function parseWhole(text: string, most: number): number {
  const number = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new WrongValue(`'${text}' is not a whole number from 1 to ${most}`);
  return number;
}

export function parseChoice<T extends string>(text: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === text);
  if (!found) throw new WrongValue(`'${text}' is not one of ${choices.join(", ")}`);
  return found;
}

export function parsePrefixValue(text: string): Prefix {
  const found = parsePrefix(text);
  if (!found) {
    const around = prefixAround(text);
    const more = around
      ? `: it has bits behind its length (did you mean ${around}?)`
      : " (write 192.168.1.0/24 or 2001:db8::/64)";
    throw new WrongValue(`'${text}' is not a prefix${more}`);
  }
  return found;
}

/** A pattern of names. */
export function parseNameValue(text: string): NamePattern {
  const pattern = parseNamePattern(text);
  if (pattern) return pattern;
  if (parseIp(text.replace(/^\[|\]$/g, ""))) {
    throw new WrongValue(`'${text}' is an address; rules for addresses say 'to'`);
  }
  throw new WrongValue(`'${text}' is not a name (write example.org, *.example.org or .example.org)`);
}

export function parseProxySource(text: string): ProxySource {
  return text === "unix" ? text : parsePrefixValue(text);
}

/** An interface's name, by Linux's rules (IFNAMSIZ, dev_valid_name()). */
export function parseInterface(text: string): string {
  if (!/^[^\s/:]{1,15}$/.test(text) || text === "." || text === "..") {
    throw new WrongValue(`'${text}' is not an interface name (write eth0)`);
  }
  return text;
}

/** `0660`: the permissions of a file. */
export function parseMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new WrongValue(`'${text}' is not a mode (write 0600 or 0660)`);
  return Number.parseInt(text, 8);
}

/** Canonical text of an IP address. */
export function parseHost(text: string): string {
  const address = ipAddress(text, 0);
  if (!address) throw new WrongValue(`'${text}' is not an address`);
  return address.host;
}

/** The same, of one that clients can send to. */
export function parseAnnounced(text: string): string {
  const host = parseHost(text);
  if (host === "0.0.0.0" || host === "::") {
    throw new WrongValue(`'${text}' is not an address that clients can reach (write the address of this host)`);
  }
  return host;
}

export function parsePorts(text: string): PortRange {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const range = match && { first: Number(match[1]), last: Number(match[2]) };
  if (!range || range.first < 1 || range.last > 65_535 || range.first > range.last) {
    throw new WrongValue(`'${text}' is not a range (write 40000-40999)`);
  }
  return range;
}

/** `443` or `8000-8999`. */
export function parsePortOrRange(text: string): PortRange {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const range = match && { first: Number(match[1]), last: Number(match[2] ?? match[1]) };
  if (!range || range.last > 65_535 || range.first > range.last) {
    throw new WrongValue(`'${text}' is not a port (write 443 or 8000-8999)`);
  }
  return range;
}

/** The URL of an upstream gateway, unchanged. */
export function parseHopUrl(text: string): string {
  try {
    parseHop(withPassword(text, () => "that of the file"));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof WrongValue)) throw error;
    throw new WrongValue(`'${withoutPassword(text)}' ${error.message}`);
  }
  if (text.includes(`:${HIDDEN}@`)) throw new WrongValue(`'${text}' has a password that was hidden`);
  return text;
}

/** HOST:PORT, IPv6 in brackets: without them, the last group could be the port. */
export function parseTarget(text: string, leastPort = 1): Address {
  const match = /^(\[[^[\]]+\]|[^:]+):(\d+)$/.exec(text);
  const port = Number(match?.[2]);
  let state = port > 65_535 ? ": the port is above 65535" : "";
  try {
    if (match && port >= leastPort && port <= 65_535) return nameAddress(match[1]!, port);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    state = `: ${error.message}`;
  }
  throw new WrongValue(`'${text}' is not a destination${state} (write example.org:443 or [2001:db8::1]:443)`);
}

/** The replacement for a password. */
const HIDDEN = "***";

/** `text` with its password replaced, if it is a URL with one. */
export function withoutPassword(text: string): string {
  return text.replace(/(\/\/[^/@:]*|^(?!\w+:\/\/)[^/@:]*):.*@/, `$1:${HIDDEN}@`)
    .replace(/\/\/[^/@:]+@(?!.*[?&]password-file=.)/, `//${HIDDEN}@`); // maybe a password without a name
}
