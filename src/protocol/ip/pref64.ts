import { isNat64Prefix } from "./nat64.ts";
import { Prefix } from "./prefix.ts";

/** A NAT64 prefix announced by a router, and its lifetime (s); 0 withdraws it. */
export interface AnnouncedPrefix {
  readonly prefix: Prefix;
  readonly lifetimeS: number;
}

const ROUTER_ADVERTISEMENT = 134, HEADER_SIZE = 16, PREF64 = 38, OPTION_SIZE = 16;

/** By the code of a length (RFC 8781 s4). */
const lengths = [96, 64, 56, 48, 40, 32] as const;

/**
 * The prefixes in a router advertisement (RFC 4861 s4.2, RFC 8781 s4), an ICMPv6 message. What is no such message has none, and neither
 * has what is not well formed; an option with a reserved length is passed over.
 */
export function announcedPrefixes(message: Uint8Array): readonly AnnouncedPrefix[] {
  if (message.length < HEADER_SIZE || message[0] !== ROUTER_ADVERTISEMENT || message[1] !== 0) return [];
  const found: AnnouncedPrefix[] = [];
  for (let at = HEADER_SIZE; at < message.length;) {
    const size = 8 * (message[at + 1] ?? 0);
    if (size === 0 || at + size > message.length) return []; // RFC 4861 s6.1.2: all of it is to be discarded
    if (message[at] === PREF64 && size === OPTION_SIZE) {
      const scaled = (message[at + 2]! << 8) | message[at + 3]!, bits = lengths[scaled & 7];
      if (bits !== undefined) {
        const octets = new Uint8Array(16);
        octets.set(message.subarray(at + 4, at + 4 + bits / 8));
        const prefix = new Prefix(octets, bits);
        if (isNat64Prefix(prefix)) found.push({ prefix, lifetimeS: scaled & ~7 });
      }
    }
    at += size;
  }
  return found;
}
