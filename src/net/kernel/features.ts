import {
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLLIN,
  IPPROTO_UDP,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_CLOEXEC,
  O_NONBLOCK,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SPLICE_F_NONBLOCK,
  UDP_GRO,
  UDP_SEGMENT,
} from "./libc/abi.ts";
import { EAGAIN } from "./libc/errno.ts";
import type { Libc } from "./libc/libc.ts";
import { MessageHeaders } from "./libc/message_headers.ts";
import { steerPast } from "./sockets/reuseport.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "./libc/sockaddr.ts";
import { setOption } from "./sockets/socket_option.ts";

/**
 * Features of this kernel for the Linux engine: it needs epoll; without the others it does less, or is slower. A container's
 * filter may refuse features that the kernel has (seccomp(2)).
 */
export interface KernelFeatures {
  /** epoll(7), and eventfd(2) to wake waiting threads. */
  readonly epoll: boolean;
  readonly accept4: boolean;
  /** splice(2) from a socket and to one, and pipes for it. */
  readonly splice: boolean;
  readonly recvmmsg: boolean;
  readonly sendmmsg: boolean;
  /** UDP_SEGMENT and UDP_GRO. */
  readonly segmentation: boolean;
  readonly aggregation: boolean;
  /** SO_REUSEPORT, and SO_ATTACH_REUSEPORT_CBPF, by which a successor takes over listeners without loss. */
  readonly sharedPorts: boolean;
  readonly steering: boolean;
}

/** libc, and the features found by it. */
export interface Kernel {
  readonly libc: Libc;
  readonly features: KernelFeatures;
}

/** Why the engine cannot run with these features; undefined if it can. */
export function whyNoEngine(features: KernelFeatures | undefined): string | undefined {
  if (!features) return "this is not Linux, or libc cannot be called from here";
  return features.epoll ? undefined : "the kernel, or a container's filter, refuses epoll or eventfd";
}

/** Tries each call on descriptors that are closed at once: a filter may refuse with any errno, or pretend success. */
export function kernelFeatures(libc: Libc): KernelFeatures {
  const trial = new Trial(libc);
  const each: Record<keyof KernelFeatures, () => boolean> = {
    epoll: () => trial.epoll(),
    accept4: () => trial.accept4(),
    splice: () => trial.splice(),
    recvmmsg: () => trial.recvmmsg(),
    sendmmsg: () => trial.sendmmsg(),
    segmentation: () => trial.udpOption(IPPROTO_UDP, UDP_SEGMENT, 1_200),
    aggregation: () => trial.udpOption(IPPROTO_UDP, UDP_GRO, 1),
    sharedPorts: () => trial.udpOption(SOL_SOCKET, SO_REUSEPORT, 1),
    steering: () => trial.steering(),
  };
  const tried = Object.entries(each).map(([feature, works]) => {
    try {
      return [feature, works()] as const;
    } finally {
      trial.close();
    }
  });
  return Object.fromEntries(tried) as Record<keyof KernelFeatures, boolean>;
}

/** Descriptors of one trial after another. */
class Trial {
  readonly #libc: Libc;
  readonly #opened: number[] = [];
  readonly #octet = new Uint8Array(1);
  /** What the kernel knows by address only has to be held. */
  #held: MessageHeaders | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  close(): void {
    for (const fd of this.#opened.splice(0)) this.#libc.close(fd);
  }

  epoll(): boolean {
    const libc = this.#libc;
    const epoll = this.#keep(libc.epoll_create1(EPOLL_CLOEXEC));
    const waked = this.#keep(libc.eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    const events = new Int32Array(4);
    events[0] = EPOLLIN;
    return libc.epoll_ctl(epoll, EPOLL_CTL_ADD, waked, events) === 0 && libc.epoll_wait(epoll, events, 1, 0) === 1;
  }

  accept4(): boolean {
    const libc = this.#libc;
    const listener = this.#keep(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const unnamed = Uint8Array.of(AF_UNIX, 0), size = new Uint32Array(1); // the kernel finds a name (unix(7))
    if (libc.bind(listener, unnamed, 2) < 0 || libc.listen(listener, 1) < 0) return false;
    return libc.accept4(listener, this.#octet, size, SOCK_NONBLOCK | SOCK_CLOEXEC) < 0 && libc.errno() === EAGAIN;
  }

  splice(): boolean {
    const libc = this.#libc;
    const [near, far] = this.#pair(SOCK_STREAM);
    const ends = new Int32Array(2);
    if (libc.pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return false;
    const [readEnd, writeEnd] = [this.#keep(ends[0]!), this.#keep(ends[1]!)];
    libc.write(near, this.#octet, 1);
    return libc.splice(far, null, writeEnd, null, 1, SPLICE_F_NONBLOCK) === 1 &&
      libc.splice(readEnd, null, far, null, 1, SPLICE_F_NONBLOCK) === 1;
  }

  recvmmsg(): boolean {
    const libc = this.#libc;
    const [near, far] = this.#pair(SOCK_DGRAM);
    libc.write(near, this.#octet, 1);
    return libc.recvmmsg(far, this.#message(), 1, MSG_DONTWAIT, null) === 1;
  }

  sendmmsg(): boolean {
    const [near] = this.#pair(SOCK_DGRAM);
    return this.#libc.sendmmsg(near, this.#message(), 1, MSG_DONTWAIT | MSG_NOSIGNAL) === 1;
  }

  udpOption(level: number, name: number, value: number): boolean {
    return setOption(this.#libc, this.#udpSocket(), level, name, value);
  }

  steering(): boolean {
    const fd = this.#udpSocket();
    return setOption(this.#libc, fd, SOL_SOCKET, SO_REUSEPORT, 1) && steerPast(this.#libc, fd, 0);
  }

  /** Of whichever family there is. */
  #udpSocket(): number {
    const four = this.#keep(this.#libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return four >= 0 ? four : this.#keep(this.#libc.socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }

  #pair(type: number): readonly [number, number] {
    const ends = Int32Array.of(-1, -1);
    this.#libc.socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
    return [this.#keep(ends[0]!), this.#keep(ends[1]!)];
  }

  /** A message of one octet, for a connected socket. */
  #message(): Uint8Array<ArrayBuffer> {
    this.#held = new MessageHeaders(this.#libc, 1);
    this.#held.setMemory(0, this.#libc.addressOf(this.#octet.buffer), 1);
    return this.#held.headers;
  }

  #keep(fd: number): number {
    if (fd >= 0) this.#opened.push(fd);
    return fd;
  }
}
