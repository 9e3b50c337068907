import {
  EPOLL_CLOEXEC,
  IPPROTO_UDP,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
  UDP_GRO,
  UDP_SEGMENT,
} from "./abi.ts";
import type { Libc } from "./libc.ts";
import { steerPast } from "./reuseport.ts";
import { AF_INET, AF_INET6 } from "./sockaddr.ts";
import { setOption } from "./socket_option.ts";

/** What the Linux engine can use of this kernel: without epoll it cannot run, without the others it does less, or slower. */
export interface KernelFeatures {
  readonly epoll: boolean;
  readonly splice: boolean;
  /** UDP_SEGMENT and UDP_GRO. */
  readonly segmentation: boolean;
  readonly aggregation: boolean;
  /** SO_REUSEPORT, and SO_ATTACH_REUSEPORT_CBPF, which has a successor take listeners over without a loss. */
  readonly sharedPorts: boolean;
  readonly steering: boolean;
}

/** Tries each, on descriptors that are closed at once. */
export function kernelFeatures(libc: Libc): KernelFeatures {
  const ends = new Int32Array(2);
  const splice = libc.pipe2(ends, 0) === 0;
  if (splice) { for (const end of ends) libc.close(end); }
  const epoll = libc.epoll_create1(EPOLL_CLOEXEC);
  if (epoll >= 0) libc.close(epoll);
  const takes = (level: number, name: number, value: number) =>
    onUdpSocket(libc, (fd) => setOption(libc, fd, level, name, value));
  return {
    epoll: epoll >= 0,
    splice,
    segmentation: takes(IPPROTO_UDP, UDP_SEGMENT, 1_200),
    aggregation: takes(IPPROTO_UDP, UDP_GRO, 1),
    sharedPorts: takes(SOL_SOCKET, SO_REUSEPORT, 1),
    steering: onUdpSocket(libc, (fd) => setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1) && steerPast(libc, fd, 0)),
  };
}

/** Of whichever family there is. */
function onUdpSocket(libc: Libc, attempt: (fd: number) => boolean): boolean {
  for (const family of [AF_INET, AF_INET6]) {
    const fd = libc.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    try {
      return attempt(fd);
    } finally {
      libc.close(fd);
    }
  }
  return false;
}
