import ipaddr from "ipaddr.js";
import { AddressType, Reply } from "./codes.ts";
import type { Cursor } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/**
 * Where a request or a datagram goes, or comes from (RFC 1928 s4, s5). `host` is canonical text: dotted decimal IPv4,
 * RFC 5952 IPv6, or the name as the peer spelt it. `port` is 0 to 65535.
 */
export interface Address {
  /** True if `host` is an IPv4 address, an IPv6 address or a name. */
  readonly type: AddressType;
  /** Canonical where it is an address. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** The longest name its one length octet can say (RFC 1928 s5). */
export const MAX_NAME_SIZE = 255;

const ascii = new TextDecoder("latin1");
const utf8 = new TextEncoder();

/** An IP literal that was read. */
interface Parsed {
  readonly octets: Uint8Array;
  /** The address it names, with port 0; undefined until the first call that asks for it. */
  address: Address | undefined;
}

/** Literals parsed before: each connection parses the same addresses several times, and IPv6 is slow to read and to write. */
const parsed = new Map<string, Parsed>();
const MAX_PARSED = 4_096;

/**
 * Octets of an IP literal (4 or 16), or undefined if `text` is not one: no short, octal or hex forms, no zone ids. Callers
 * share them, so do not write to them.
 */
export function parseIp(text: string): Uint8Array | undefined {
  return parse(text)?.octets;
}

function parse(text: string): Parsed | undefined {
  const known = parsed.get(text);
  if (known) return known;
  const octets = readIp(text);
  if (!octets) return undefined;
  if (parsed.size >= MAX_PARSED) parsed.clear();
  const read: Parsed = { octets, address: undefined };
  parsed.set(text, read);
  return read;
}

function readIp(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  if (!/^[0-9a-f:.]+$/i.test(text)) return undefined;
  const start = text.lastIndexOf(":") + 1;
  const tail = text.slice(start);
  if (!tail.includes(".")) return ipaddr.IPv6.isValid(text) ? ipv6Octets(text) : undefined;
  const embedded = parseIpv4(tail);
  if (!embedded) return undefined;
  // ipaddr.js takes ::192.0.2.1 for ::ffff:192.0.2.1, so it is given groups only.
  const [a, b, c, d] = embedded as unknown as [number, number, number, number];
  const groups = `${text.slice(0, start)}${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  return ipaddr.IPv6.isValid(groups) ? ipv6Octets(groups) : undefined;
}

function ipv6Octets(text: string): Uint8Array {
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
}

/** Canonical text of 4 or 16 octets (RFC 5952 for IPv6). */
export function formatIp(octets: Uint8Array): string {
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`;
  return ipaddr.fromByteArray(Array.from(octets)).toString();
}

/** The address that an IP literal names; IPv4-mapped IPv6 gives the IPv4 address. Undefined if `host` is not a literal. */
export function ipAddress(host: string, port: number): Address | undefined {
  const literal = parse(host);
  if (!literal) return undefined;
  const named = literal.address ??= octetsAddress(literal.octets, 0);
  return { type: named.type, host: named.host, port };
}

/** The address of 4 or 16 octets; IPv4-mapped IPv6 (RFC 4291 s2.5.5.2) gives the IPv4 address. */
export function octetsAddress(octets: Uint8Array, port: number): Address {
  const plain = unmapped(octets);
  return { type: plain.length === 4 ? AddressType.IPv4 : AddressType.IPv6, host: formatIp(plain), port };
}

/** `host:port`, with IPv6 in brackets and its zone after a `%`; `unix:path` for a unix socket. */
export function addressText(
  address: { readonly host: string; readonly port: number; readonly zone?: string; readonly unix?: string },
): string {
  const { host, port, zone, unix } = address;
  if (unix !== undefined) return `unix:${unix}`;
  return host.includes(":") ? `[${host}${zone === undefined ? "" : `%${zone}`}]:${port}` : `${host}:${port}`;
}

/** 0.0.0.0 or ::, which in DST and BND mean "not known". */
export function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/**
 * Reads ATYP, ADDR and PORT (RFC 1928 s5). A DOMAINNAME that carries an IP literal, bracketed or not, is that address
 * (RFC 3089 s3). Throws ProtocolError: 08 for an unknown ATYP, 01 for an invalid name, unless `otherwise` is given to
 * stand for it.
 */
export function readAddress(cursor: Cursor, otherwise?: Address): Address {
  const type = cursor.u8();
  switch (type) {
    case AddressType.IPv4: {
      const host = `${cursor.u8()}.${cursor.u8()}.${cursor.u8()}.${cursor.u8()}`;
      return { type, host, port: cursor.u16() };
    }
    case AddressType.IPv6:
      return octetsAddress(cursor.view(16), cursor.u16());
    case AddressType.DomainName: {
      const size = cursor.u8();
      const name = ascii.decode(cursor.view(size));
      const port = cursor.u16();
      try {
        return nameAddress(name, port);
      } catch (error) {
        if (otherwise) return otherwise;
        throw error;
      }
    }
    default:
      throw new ProtocolError(`Cannot read an address: ATYP 0x${type.toString(16)}`, Reply.AddressTypeNotSupported);
  }
}

/** The address that a DOMAINNAME means: the literal in it, else the name. Throws ProtocolError if it is neither. */
export function nameAddress(name: string, port: number): Address {
  if (name === "") throw new ProtocolError("Cannot read an address: the name is empty", Reply.GeneralFailure);
  if (name.length > MAX_NAME_SIZE) {
    throw new ProtocolError(`Cannot read an address: the name is over ${MAX_NAME_SIZE} octets`, Reply.GeneralFailure);
  }
  const literal = ipAddress(/^\[.*:.*\]$/.test(name) ? name.slice(1, -1) : name, port);
  if (literal) return literal;
  // Control octets and blanks forge log lines, ':' and '%' spell addresses with zones, and inet_aton() would
  // take a name whose last label is digits or hex for an address (127.1, 0x7f.1, 2130706433).
  if (/[^\x21-\x7e]|[:%/\\@[\]"'`]/.test(name)) {
    throw new ProtocolError("Cannot read an address: not a name", Reply.GeneralFailure);
  }
  if (/(^|\.)(\d+|0x[0-9a-f]*)\.?$/i.test(name)) {
    throw new ProtocolError("Cannot read an address: neither a name nor an address", Reply.GeneralFailure);
  }
  return { type: AddressType.DomainName, host: name, port };
}

/** The form in which names are compared: in lower case, without the final dot. */
export function foldName(name: string): string {
  const folded = name.toLowerCase();
  return folded.endsWith(".") ? folded.slice(0, -1) : folded;
}

/** ATYP, ADDR and PORT, behind `room` octets for the caller. Throws RangeError for an invalid `address` (a bug here or in the caller). */
export function encodeAddress(address: Address, room = 0): Uint8Array {
  const host = address.type === AddressType.DomainName ? utf8.encode(address.host) : parseIp(address.host);
  if (!host || host.length === 0 || host.length > MAX_NAME_SIZE) {
    throw new RangeError(`Cannot encode address '${address.host}': not one of type ${address.type}`);
  }
  const named = address.type === AddressType.DomainName;
  const start = room + (named ? 2 : 1), end = start + host.length;
  const out = new Uint8Array(end + 2);
  out[room] = address.type;
  if (named) out[room + 1] = host.length;
  for (let i = 0; i < host.length; i++) out[start + i] = host[i]!;
  out[end] = address.port >> 8;
  out[end + 1] = address.port & 0xff;
  return out;
}

/** Four decimal parts without leading zeros; by hand, since each connection is checked by it several times. */
function parseIpv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(4);
  let part = 0, value = -1;
  for (let i = 0; i <= text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (value === 0) return undefined;
      value = value < 0 ? digit : value * 10 + digit;
      if (value > 255) return undefined;
    } else {
      const end = i === text.length;
      if (value < 0 || part > 3 || end !== (part === 3) || (!end && text[i] !== ".")) return undefined;
      octets[part++] = value;
      value = -1;
    }
  }
  return octets;
}

/** The 4 octets of IPv4-mapped IPv6; all others as they are. */
export function unmapped(octets: Uint8Array): Uint8Array {
  if (octets.length !== 16 || octets[10] !== 0xff || octets[11] !== 0xff) return octets;
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return octets;
  return octets.subarray(12);
}
