import { Prefix } from "./prefix.ts";

/** IPv4 addresses embedded in IPv6 addresses by a translator (RFC 6052 s2.2). */

/** Prefix lengths, longest first. */
const lengths = [96, 64, 56, 48, 40, 32] as const;

/** The prefix that every translator may use (RFC 6052 s2.1). */
export const WELL_KNOWN_PREFIX = new Prefix(Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 96);

/** Every DNS server answers this name, and a DNS64 reveals its prefix in the answer (RFC 7050 s2.2). */
export const WELL_KNOWN_NAME = "ipv4only.arpa";

/** Its IPv4 addresses (RFC 7050 s8.2), which a DNS64 embeds in its prefix. */
export const WELL_KNOWN_ADDRESSES: readonly Uint8Array[] = [
  Uint8Array.of(192, 0, 0, 170),
  Uint8Array.of(192, 0, 0, 171),
];

/** True if addresses can be embedded in it: a length that the RFC allows, and bits 64 to 71 zero. */
export function isNat64Prefix({ octets, bits }: Prefix): boolean {
  return octets.length === 16 && (lengths as readonly number[]).includes(bits) && octets[8] === 0;
}

/** The IPv6 octets that stand for `ipv4` behind `prefix`. */
export function embedIpv4({ octets, bits }: Prefix, ipv4: Uint8Array): Uint8Array {
  const out = octets.slice();
  places(bits).forEach((place, i) => out[place] = ipv4[i]!);
  return out;
}

/** The IPv4 octets that `ipv6` carries behind `prefix`; undefined if `ipv6` is outside that prefix. */
export function extractIpv4(prefix: Prefix, ipv6: Uint8Array): Uint8Array | undefined {
  if (!prefix.contains(ipv6) || ipv6[8] !== 0) return undefined;
  return Uint8Array.from(places(prefix.bits), (place) => ipv6[place]!);
}

/** The prefix behind which an address of ipv4only.arpa carries one of its well-known IPv4 addresses (RFC 7050 s3). */
export function discoverPrefix(ipv6: Uint8Array): Prefix | undefined {
  for (const bits of lengths) {
    const octets = ipv6.map((octet, i) => i < bits / 8 ? octet : 0);
    const prefix = new Prefix(octets, bits);
    const found = isNat64Prefix(prefix) ? extractIpv4(prefix, ipv6) : undefined;
    if (found && WELL_KNOWN_ADDRESSES.some((known) => known.every((octet, i) => found[i] === octet))) return prefix;
  }
  return undefined;
}

/** The octets, of 16, that hold the address: the four behind the prefix, without octet 8. */
function places(bits: number): readonly number[] {
  const all: number[] = [];
  for (let place = bits / 8; all.length < 4; place++) if (place !== 8) all.push(place);
  return all;
}
