import { CLOCK_MONOTONIC, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM } from "../libc/abi.ts";
import type { Libc } from "../libc/libc.ts";
import { AF_UNIX, encodeUnixSockaddr } from "../libc/sockaddr.ts";

/** Sends `text` as one datagram to the unix socket `path` or @name; returns true if it was accepted. */
export function sendToUnix(libc: Libc, path: string, text: string): boolean {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bytes = new TextEncoder().encode(text), name = encodeUnixSockaddr(path);
  const sent = libc.sendto(fd, bytes, bytes.length, MSG_NOSIGNAL, name, name.length);
  libc.close(fd);
  return sent === bytes.length;
}

/** The clock that systemd uses (clock_gettime(2)), in microseconds. */
export function monotonicUsec(libc: Libc): bigint {
  const time = new BigInt64Array(2); // struct timespec
  libc.clock_gettime(CLOCK_MONOTONIC, time);
  return time[0]! * 1_000_000n + time[1]! / 1_000n;
}
