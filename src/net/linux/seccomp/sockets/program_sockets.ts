import { readlinkSync } from "node:fs";
import { IPPROTO_TCP, IPPROTO_UDP, SO_TYPE, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET } from "../../../kernel/libc/abi.ts";
import type { Libc } from "../../../kernel/libc/libc.ts";
import { AF_INET6 } from "../../../kernel/libc/sockaddr.ts";
import type { NotifiedCall } from "../calls/notifications.ts";

/** Source of descriptors of a program's sockets. */
export interface ProgramSockets {
  /** Our duplicate of the caller's socket `fd`, to be closed; minus an errno on failure. */
  open(call: NotifiedCall, fd: number): number;
  /** Releases our duplicate of a socket, by name. */
  forget(socket: string): void;
}

const SO_PROTOCOL = 38, SO_DOMAIN = 39, O_NONBLOCK = 0x800, F_GETFL = 3;

/** What a socket is. */
export interface SocketKind {
  readonly kind: "tcp" | "udp" | "other";
  readonly six: boolean;
}

const other: SocketKind = { kind: "other", six: false };

const value = new Int32Array(4), size = new Uint32Array(1);

/** A socket option of up to four ints. */
export function option(libc: Libc, fd: number, level: number, name: number): Int32Array {
  value.fill(0);
  size[0] = value.byteLength;
  libc.getsockopt(fd, level, name, value, size);
  return value;
}

export function kindOf(libc: Libc, fd: number): SocketKind {
  const of = (name: number) => option(libc, fd, SOL_SOCKET, name)[0]!;
  const protocol = of(SO_PROTOCOL), wanted = { [IPPROTO_TCP]: SOCK_STREAM, [IPPROTO_UDP]: SOCK_DGRAM }[protocol];
  if (wanted === undefined || of(SO_TYPE) !== wanted) return other;
  return { kind: protocol === IPPROTO_TCP ? "tcp" : "udp", six: of(SO_DOMAIN) === AF_INET6 };
}

export function waits(libc: Libc, fd: number): boolean {
  return (libc.fcntl(fd, F_GETFL, 0) & O_NONBLOCK) === 0;
}

/** The name of the socket `fd` of a process or thread; undefined if it is not a socket, or may not be seen. */
export function socketAt(process: number | string, fd: number | string): string | undefined {
  try {
    const link = readlinkSync(`/proc/${process}/fd/${fd}`);
    return link.startsWith("socket:") ? link : undefined;
  } catch {
    return undefined;
  }
}
