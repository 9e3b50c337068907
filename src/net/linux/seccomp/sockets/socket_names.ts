import { decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from "../../../kernel/libc/sockaddr.ts";
import { AF_INET6 } from "../../../kernel/libc/sockaddr.ts";
import type { SocketAddr } from "../../../socket.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The least that the kernel takes for struct sockaddr_in and sockaddr_in6. */
const LEAST = { 2: 16, 10: 24 } as Readonly<Record<number, number>>;

/** The address in a program's memory; undefined if it is not an IP address, or too short. */
export function addrIn(bytes: Bytes): SocketAddr | undefined {
  const least = LEAST[bytes[0]! | (bytes[1]! << 8)];
  if (least === undefined || bytes.length < least) return undefined;
  const name = new Uint8Array(SOCKADDR_SIZE);
  name.set(bytes.subarray(0, SOCKADDR_SIZE));
  return decodeSockaddr(name);
}

/** `addr` as a socket of that family says it: IPv4 is mapped to IPv6 (RFC 4291 s2.5.5.2). */
export function nameFor(addr: SocketAddr, six: boolean): Bytes {
  const name = encodeSockaddr(addr);
  if (!six || addr.host.includes(":")) return name;
  const mapped = new Uint8Array(SOCKADDR_SIZE);
  mapped[0] = AF_INET6;
  mapped.set(name.subarray(2, 4), 2);
  mapped[18] = mapped[19] = 0xff;
  mapped.set(name.subarray(4, 8), 20);
  return mapped;
}

/** Addresses that always mean this host itself. */
export function isLoopback({ host }: SocketAddr): boolean {
  return host.startsWith("127.") || host === "::1" || host === "0.0.0.0" || host === "::";
}
