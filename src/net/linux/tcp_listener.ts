import { noDescriptors } from "../kernel/host/descriptor_reserve.ts";
import { addressText } from "../../protocol/address.ts";
import type { AcceptedSocket, Listener, ListenOptions, SocketAddr } from "../socket.ts";
import {
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLIN,
  F_DUPFD_CLOEXEC,
  IP_FREEBIND,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from "../kernel/libc/abi.ts";
import type { Engine, SocketOptions } from "./engine/engine.ts";
import { EAGAIN, errnoError } from "../kernel/libc/errno.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import type { Watcher } from "./engine/poller.ts";
import { nameOf } from "../kernel/sockets/kernel_probe.ts";
import { countListeners, steerNoMore, steerPast } from "../kernel/sockets/reuseport.ts";
import { decodeSockaddr, encodeSockaddr, family, SOCKADDR_SIZE } from "../kernel/libc/sockaddr.ts";
import { setOption } from "../kernel/sockets/socket_option.ts";
import { keepUrgent } from "../kernel/sockets/tcp_options.ts";
import { setOutgoing } from "./tcp_dial.ts";
import { LinuxSocket } from "./tcp_socket.ts";

export const BACKLOG = 4_096;

/** Interval at which a successor checks whether the former listeners have closed (ms). */
const STEER_LOOK_MS = 1_000;

/** Clients accepted in a row before others get their turn. */
const MAX_BURST = 16;

/** Errors of one connection, not of the listener (accept(2)): the next may succeed. */
const ofOneConnection: ReadonlySet<number> = new Set([71, 92, 95, 100, 101, 103, 112, 113]);

interface Waiting {
  resolve(socket: AcceptedSocket | null): void;
  reject(error: unknown): void;
}

/** Binds a TCP socket, for a listener. Throws NetError. */
export function bindTcp(
  { libc, options }: Pick<Engine, "libc" | "options">,
  addr: SocketAddr,
  { reusePort, exit }: ListenOptions,
): number {
  const what = addressText(addr);
  const fd = libc.socket(family(addr.host), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError(libc.errno(), "listen on", what);
  setOption(libc, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (reusePort) setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (addr.host.includes(":")) setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, addr.host === "::" ? 0 : 1);
  if (options.freeBind) setOption(libc, fd, IPPROTO_IP, IP_FREEBIND, 1);
  // Inherited by what is accepted (tcp(7)).
  setOption(libc, fd, IPPROTO_TCP, TCP_NODELAY, 1);
  keepUrgent(libc, fd);
  if (options.userTimeoutMs !== undefined) setOption(libc, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options.userTimeoutMs);
  const unset = exit && setOutgoing({ libc, options: {} }, fd, exit);
  const name = encodeSockaddr(addr);
  if (unset || libc.bind(fd, name, name.length) < 0) {
    const error = errnoError(unset ?? libc.errno(), "listen on", what);
    libc.close(fd);
    throw error;
  }
  return fd;
}

/** `wanted` with its actual port; a zone keeps its given name. */
function boundAddr(libc: Libc, fd: number, wanted: SocketAddr): SocketAddr {
  const addr = nameOf(libc.getsockname, fd)!;
  return wanted.zone === undefined ? addr : { ...addr, zone: wanted.zone };
}

/** A duplicate of `fd` for this listener. Throws NetError. */
function duplicate(libc: Libc, fd: number, addr: SocketAddr): number {
  const own = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) throw errnoError(libc.errno(), "listen on", addressText(addr));
  return own;
}

/** A port for several listeners. */
export interface ClaimedPort {
  readonly addr: SocketAddr;
  /** The common socket to accept from, if listeners have none of their own. */
  readonly descriptor?: number;
  /** Takes over from another program. */
  place?(): void;
  release(): void;
}

/**
 * Reserves the port of `addr`, or a free one for port 0, for several listeners, until it is released. Refused if another
 * program listens there, which SO_REUSEPORT alone would allow, unless it is to be taken over. Without SO_REUSEPORT,
 * all accept from this one. Throws NetError.
 */
export function claimPort(libc: Libc, options: SocketOptions, addr: SocketAddr, shared = false): ClaimedPort {
  const fd = bindTcp({ libc, options }, addr, { reusePort: shared });
  const claimed = { addr: boundAddr(libc, fd, addr), release: () => void libc.close(fd) };
  if (setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1)) return claimed;
  if (libc.listen(fd, BACKLOG) === 0) return { ...claimed, descriptor: fd };
  const error = errnoError(libc.errno(), "listen on", addressText(addr));
  libc.close(fd);
  throw error;
}

export class LinuxListener implements Listener, Watcher {
  readonly addr: SocketAddr;
  readonly #engine: Engine;
  readonly #fd: number;
  readonly #shared: boolean;
  readonly #name = new Uint8Array(SOCKADDR_SIZE);
  readonly #nameSize = new Uint32Array(1);
  #readable = true;
  #burst = 0;
  #accepter: Waiting | undefined;
  #closed = false;

  /** Throws NetError. */
  constructor(engine: Engine, addr: SocketAddr, options: ListenOptions) {
    const { libc } = engine;
    this.#engine = engine;
    this.#shared = options.descriptor !== undefined;
    this.#fd = engine.own(
      options.descriptor === undefined ? bindTcp(engine, addr, options) : duplicate(libc, options.descriptor, addr),
    );
    if (!this.#shared && libc.listen(this.#fd, BACKLOG) < 0) {
      const error = errnoError(libc.errno(), "listen on", addressText(addr));
      engine.close(this.#fd);
      throw error;
    }
    this.addr = this.#shared ? addr : boundAddr(libc, this.#fd, addr);
    if (options.successors) {
      const { past, among } = options.successors;
      steerPast(libc, this.#fd, past);
      if (among > past) this.#steerUntilAlone(among);
    }
    // The kernel wakes one idle thread of those that wait for a shared socket.
    engine.poller.watch(this.#fd, this, EPOLLIN | EPOLLET | (this.#shared ? EPOLLEXCLUSIVE : 0));
  }

  accept(): Promise<AcceptedSocket | null> {
    if (this.#closed) return Promise.resolve(null);
    try {
      const socket = this.#readable && this.#next();
      if (socket) return Promise.resolve(socket);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.#accepter = { resolve, reject });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#shared) this.#engine.poller.forget(this.#fd);
    this.#engine.close(this.#fd);
    this.#take()?.resolve(null);
  }

  ready(): void {
    this.#readable = true;
    this.#burst = 0;
    if (!this.#accepter) return;
    try {
      const socket = this.#next();
      if (socket) this.#take()?.resolve(socket);
    } catch (error) {
      this.#take()?.reject(error);
    }
  }

  /** Waits until there are at most `among` listeners. */
  #steerUntilAlone(among: number): void {
    this.#engine.timers.after(STEER_LOOK_MS, () => {
      if (this.#closed) return;
      if (countListeners(this.addr) <= among) steerNoMore(this.#engine.libc, this.#fd);
      else this.#steerUntilAlone(among);
    });
  }

  /** The next connection; undefined if there is none now, or if others get their turn first. Throws NetError. */
  #next(): AcceptedSocket | undefined {
    if (++this.#burst > MAX_BURST) {
      this.#engine.later(() => this.ready());
      return undefined;
    }
    const { libc } = this.#engine;
    for (;;) {
      this.#nameSize[0] = SOCKADDR_SIZE;
      const fd = libc.accept4(this.#fd, this.#name, this.#nameSize, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0 && this.#engine.reserve.refusesClient(fd)) {
        libc.close(fd);
        throw noDescriptors(`accept on ${addressText(this.addr)}`);
      }
      if (fd >= 0) return this.#open(fd);
      const errno = libc.errno();
      if (errno === EAGAIN) {
        this.#readable = false;
        return undefined;
      }
      if (ofOneConnection.has(errno) && ++this.#burst <= MAX_BURST) continue;
      throw errnoError(errno, "accept on", addressText(this.addr));
    }
  }

  /** Throws NetError. */
  #open(fd: number): AcceptedSocket {
    this.#engine.own(fd);
    try {
      const remote = this.addr.unix === undefined ? decodeSockaddr(this.#name)! : this.addr;
      return new LinuxSocket(this.#engine, fd, remote, false);
    } catch (error) {
      this.#engine.close(fd);
      throw error;
    }
  }

  #take(): Waiting | undefined {
    const accepter = this.#accepter;
    this.#accepter = undefined;
    return accepter;
  }
}
