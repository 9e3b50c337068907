import {
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SO_OOBINLINE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from "../libc/abi.ts";
import type { Libc } from "../libc/libc.ts";
import { setOption } from "./socket_option.ts";

/** Silence before the first probe, between probes (s), and how many. */
const KEEPALIVE_IDLE_S = 60, KEEPALIVE_INTERVAL_S = 15, KEEPALIVE_COUNT = 4;

/** Options of a TCP socket; accepted sockets inherit a listener's options (tcp(7)). */

/** Keeps urgent bytes in line with the others (SO_OOBINLINE, socket(7)); otherwise they are skipped. */
export function keepUrgent(libc: Libc, fd: number): void {
  setOption(libc, fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

/** Intervals of keepalive probes. */
export function timeProbes(libc: Libc, fd: number): void {
  setOption(libc, fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
  setOption(libc, fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
  setOption(libc, fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

export function probeWhenSilent(libc: Libc, fd: number): void {
  timeProbes(libc, fd);
  setOption(libc, fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}
