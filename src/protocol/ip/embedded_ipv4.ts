/** IPv4 addresses embedded in IPv6 addresses, so that a rule for an IPv4 address also covers its IPv6 spellings. */

/**
 * IPv4 octets inside 16 IPv6 octets, in each possible reading: IPv4-mapped and -compatible (RFC 4291 s2.5.5), IPv4-translated
 * (RFC 2765 s2.1), the well-known and the local-use NAT64 prefixes (RFC 6052 s2.1, RFC 8215), 6to4 (RFC 3056 s2),
 * Teredo (RFC 4380 s4) and ISATAP (RFC 5214 s6.1).
 */
export function embeddedIpv4s(ipv6: Uint8Array): readonly Uint8Array[] {
  if (startsWith(ipv6, [0x20, 0x02])) return [ipv6.slice(2, 6)];
  if (startsWith(ipv6, [0x20, 0x01, 0, 0])) return [ipv6.slice(12).map((octet) => octet ^ 0xff)];
  if (startsWith(ipv6, [0, 0x64, 0xff, 0x9b])) return nat64(ipv6);
  if ((ipv6[8]! & 0xfd) === 0 && ipv6[9] === 0 && ipv6[10] === 0x5e && ipv6[11] === 0xfe) return [ipv6.slice(12)];
  if (!startsWith(ipv6, [0, 0, 0, 0, 0, 0, 0, 0])) return [];
  const middle = (ipv6[8]! << 24) | (ipv6[9]! << 16) | (ipv6[10]! << 8) | ipv6[11]!;
  const mapped = 0x0000ffff, translated = -0x10000, compatible = 0;
  const none = middle === compatible && ipv6[12] === 0 && ipv6[13] === 0; // :: and ::1 are themselves
  return !none && [mapped, translated, compatible].includes(middle) ? [ipv6.slice(12)] : [];
}

/** The octets that hold the address behind a prefix of 48, 56 or 64 bits; octet 8 is skipped (RFC 6052 s2.2). */
const places = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12]] as const;

/**
 * The well-known prefix and any /96 of the local-use one hold the address at the end. An operator may use any length of the
 * local-use prefix (RFC 8215 s3), and an address does not say which: each length that leaves only zeros behind the address
 * counts. 0.0.0.0/8 is skipped.
 */
function nat64(ipv6: Uint8Array): readonly Uint8Array[] {
  const last = ipv6.slice(12);
  if (ipv6[5] !== 1) return [last];
  const shorter = places
    .filter((place) => ipv6[8] === 0 && ipv6.subarray(place[3] + 1).every((octet) => octet === 0))
    .map((place) => Uint8Array.from(place, (at) => ipv6[at]!));
  const readings = [...shorter, last].filter(([first]) => first !== 0);
  return readings.length > 0 ? readings : [last];
}

function startsWith(octets: Uint8Array, head: readonly number[]): boolean {
  return head.every((octet, i) => octets[i] === octet);
}
