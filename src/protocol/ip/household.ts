import { parseIp } from "../address.ts";
import { Prefix } from "./prefix.ts";

const HOUSEHOLD_BITS = 64;

/** The client that an address counts as: the address itself for IPv4, its /64 for IPv6, since one host may use any address of it. */
export function household(host: string): string {
  return host.includes(":") ? known.get(host) ?? found(host) : host;
}

/** Results of earlier calls: each session asks several times, and the text is slow to make. */
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
