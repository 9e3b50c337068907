import { parseIp } from "../address.ts";
import { Prefix } from "./prefix.ts";

const HOUSEHOLD_BITS = 64;

/** The client that an address counts as: the address itself for IPv4, its /64 for IPv6, where one host may use any of them. */
export function household(host: string): string {
  return host.includes(":") ? known.get(host) ?? found(host) : host;
}

/** What was found before: each session of a client asks for it several times, and it takes long to write. */
const known = new Map<string, string>();
const MAX_KNOWN = 1_024;

function found(host: string): string {
  const octets = parseIp(host)?.slice();
  if (!octets) return host;
  octets.fill(0, HOUSEHOLD_BITS / 8);
  const prefix = new Prefix(octets, HOUSEHOLD_BITS).toString();
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(host, prefix);
  return prefix;
}
