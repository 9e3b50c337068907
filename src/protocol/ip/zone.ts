import { type Address, ipAddress, parseIp } from "../address.ts";

/** An address, and the interface that a link-local one is on, by name or number (RFC 4007 s11). */
export interface ZonedAddress extends Address {
  readonly zone?: string;
}

/**
 * The address of an IP literal as an administrator writes it: `fe80::1%eth0`, or `fe80::1%25eth0` as in URLs (RFC 6874). What
 * clients say has no zones. Undefined where it is none, or has a zone that it cannot have.
 */
export function zonedAddress(text: string, port: number): ZonedAddress | undefined {
  const [, bare, zone] = /^([^%]*)(?:%(?:25(?=\D))?([^\s/%\]]{1,15}))?$/.exec(text) ?? [];
  const address = bare === undefined ? undefined : ipAddress(bare, port);
  if (!address || zone === undefined) return address;
  return isLinkLocal(address.host) ? { ...address, zone } : undefined;
}

/** Of IPv6 (RFC 4291 s2.5.6): without a zone such an address says nothing. */
export function isLinkLocal(host: string): boolean {
  const octets = host.includes(":") ? parseIp(host) : undefined;
  return octets !== undefined && octets[0] === 0xfe && (octets[1]! & 0xc0) === 0x80;
}
