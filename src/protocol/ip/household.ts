import { parseIp } from "../address.ts";
import { Prefix } from "./prefix.ts";

const HOUSEHOLD_BITS = 64;

/** The client that an address counts as: the address itself for IPv4, its /64 for IPv6, where one host may use any of them. */
export function household(host: string): string {
  const octets = host.includes(":") ? parseIp(host)?.slice() : undefined;
  if (!octets) return host;
  octets.fill(0, HOUSEHOLD_BITS / 8);
  return new Prefix(octets, HOUSEHOLD_BITS).toString();
}
