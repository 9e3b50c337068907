import { type Address, ipAddress, parseIp } from "../address.ts";

/** An address, and the interface that a link-local one is on, by name or number (RFC 4007 s11). */
export interface ZonedAddress extends Address {
  readonly zone?: string;
}

/**
 * The address of an IP literal as an operator writes it: `fe80::1%eth0`, or `fe80::1%25eth0` as in URLs (RFC 6874). Addresses
 * from clients have no zones. Undefined if it is not a literal, or has a zone where none is allowed.
 */
export function zonedAddress(text: string, port: number): ZonedAddress | undefined {
  const [, bare, zone] = /^([^%]*)(?:%(?:25(?=\D))?([^\s/%\]]{1,15}))?$/.exec(text) ?? [];
  const address = bare === undefined ? undefined : ipAddress(bare, port);
  if (!address || zone === undefined) return address;
  return isLinkLocal(address.host) ? { ...address, zone } : undefined;
}

/** Link-local IPv6 (RFC 4291 s2.5.6): without a zone the address is ambiguous. */
export function isLinkLocal(host: string): boolean {
  const octets = host.includes(":") ? parseIp(host) : undefined;
  return octets !== undefined && octets[0] === 0xfe && (octets[1]! & 0xc0) === 0x80;
}
