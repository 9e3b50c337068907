import { octetsAddress, parseIp } from "../../../protocol/address.ts";
import { zoneNumber } from "../host/interfaces.ts";
import { type SocketAddr, unixAddr } from "../../socket.ts";

export const AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10;

/** Octets of the larger of the two structures for IP, and of that for unix sockets. */
export const SOCKADDR_SIZE = 28, SOCKADDR_UNIX_SIZE = 110;

/** The last octets of sockaddr_in6. */
const SCOPE = 24;

/** An interface index that no system has. */
const NO_ZONE = 2 ** 31 - 1;

/** The address family of an IP literal. */
export function family(host: string): number {
  return host.includes(":") ? AF_INET6 : AF_INET;
}

/** struct sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)) of an IP literal. */
export function encodeSockaddr(addr: SocketAddr): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(SOCKADDR_SIZE);
  return out.subarray(0, writeSockaddr(addr, out));
}

/**
 * The same into `out`, which has SOCKADDR_SIZE octets; returns the size. For frequent calls: for small new buffers,
 * a foreign call on Deno allocates by malloc(3), which the collector has to release.
 */
export function writeSockaddr({ host, port, zone }: SocketAddr, out: Uint8Array<ArrayBuffer>): number {
  const octets = parseIp(host);
  if (!octets) throw new RangeError(`Cannot encode '${host}': not an IP address`);
  const ipv4 = octets.length === 4;
  out.fill(0);
  const at = ipv4 ? 4 : 8;
  out[0] = ipv4 ? AF_INET : AF_INET6; // sa_family is in host order, as it is read below: of x64 and arm64
  out[2] = port >> 8;
  out[3] = port & 0xff;
  for (let i = 0; i < octets.length; i++) out[at + i] = octets[i]!;
  if (zone !== undefined && !ipv4) new Uint32Array(out.buffer, SCOPE, 1)[0] = zoneNumber(zone) ?? NO_ZONE;
  return ipv4 ? 16 : SOCKADDR_SIZE;
}

export function decodeSockaddr(bytes: Uint8Array<ArrayBuffer>): SocketAddr | undefined {
  const family = bytes[0]! | (bytes[1]! << 8);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const port = (bytes[2]! << 8) | bytes[3]!;
  if (family === AF_INET) return { host: `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, port };
  const { host } = octetsAddress(bytes.subarray(8, 24), port);
  const hasZone = bytes[SCOPE]! + bytes[SCOPE + 1]! + bytes[SCOPE + 2]! + bytes[SCOPE + 3]! > 0;
  return hasZone ? { host, port, zone: scopeOf(bytes) } : { host, port };
}

/** In the order of the machine, as the family. */
function scopeOf(bytes: Uint8Array<ArrayBuffer>): string {
  return String(new Uint32Array(bytes.slice(SCOPE, SCOPE + 4).buffer)[0]);
}

/** struct sockaddr_un (unix(7)) of a path; one that begins with @ or a zero octet is a name of the abstract namespace. */
export function encodeUnixSockaddr(path: string): Uint8Array<ArrayBuffer> {
  const octets = new TextEncoder().encode(path);
  const out = new Uint8Array(2 + octets.length);
  new Uint16Array(out.buffer, 0, 1)[0] = AF_UNIX;
  out.set(octets, 2);
  if (path.startsWith("@")) out[2] = 0;
  return out;
}

/** `size` octets of struct sockaddr_un; undefined for another family, or without a name. */
export function decodeUnixSockaddr(bytes: Uint8Array<ArrayBuffer>, size: number): SocketAddr | undefined {
  if ((bytes[0]! | (bytes[1]! << 8)) !== AF_UNIX || size <= 2) return undefined;
  const text = new TextDecoder().decode(bytes.subarray(2, size));
  return unixAddr(text.startsWith("\0") ? `@${text.slice(1)}` : text.replace(/\0.*$/s, ""));
}
