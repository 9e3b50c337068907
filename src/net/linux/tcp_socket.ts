import { addressText } from "../../protocol/address.ts";
import { NetError } from "../error.ts";
import { accepted, type AcceptedSocket, type Leaving, type SocketAddr } from "../socket.ts";
import {
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  MSG_NOSIGNAL,
  MSG_PEEK,
  SHUT_WR,
  SO_LINGER,
  SOL_SOCKET,
} from "../kernel/libc/abi.ts";
import type { Engine } from "./engine/engine.ts";
import { EAGAIN, errnoError } from "../kernel/libc/errno.ts";
import type { Watcher } from "./engine/poller.ts";
import { nameOf } from "../kernel/sockets/kernel_probe.ts";
import { probeWhenSilent } from "../kernel/sockets/tcp_options.ts";

/** Maximum view of read(); bulk flows through a relay, not through here. */
const READ_SIZE = 64 << 10;

const READING = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

const noLinger = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0); // struct linger { l_onoff, l_linger }

/** Handshake messages are short; they are copied octet by octet, since slice() takes 335 ns on Deno. */
const SHORT_SIZE = 64;

function copied(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  return size > SHORT_SIZE ? bytes.slice(0, size) : copy(bytes, size, new Uint8Array(size));
}

function copy(from: Uint8Array, size: number, to: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < size; i++) to[i] = from[i]!;
  return to;
}

/** Short answers are sent from here: of memory that is new and small, a foreign call on Deno makes some of its own by malloc(3). */
const short = new Uint8Array(SHORT_SIZE);

/** A TCP socket, or a unix socket, that this program owns by its descriptor. */
export class LinuxSocket implements AcceptedSocket, Watcher {
  readonly fd: number;
  readonly remoteAddr: SocketAddr;
  /** True if a receive may bring octets; one that returns less than its buffer empties the socket until the next event. */
  readable = false;
  /** The peer has finished or the connection is broken: receives report it after the last octets. */
  hungUp = false;
  /** The peer has sent urgent bytes; a receive stops before them. */
  #urgent = false;
  readonly #engine: Engine;
  #localAddr: SocketAddr | undefined;
  #watchesWriting: boolean;
  #failure: NetError | undefined;
  #reader: Waiting<Uint8Array | null> | undefined;
  #writer: (Waiting<void> & { rest: Uint8Array }) | undefined;
  #flow: Watcher | undefined;
  #left: ((how: Leaving) => void) | undefined;
  #broken = false;
  #closed = false;

  /** Takes over `fd`, which is watched for writing already if it was dialled. Throws NetError. */
  constructor(engine: Engine, fd: number, remoteAddr: SocketAddr, watched: boolean) {
    this.#engine = engine;
    this.fd = fd;
    this.remoteAddr = remoteAddr;
    this.#watchesWriting = watched;
    engine.poller.watch(fd, this, watched ? READING | EPOLLOUT : READING);
  }

  get localAddr(): SocketAddr {
    if (this.remoteAddr.unix !== undefined) return this.remoteAddr;
    return this.#localAddr ??= (this.#closed ? undefined : nameOf(this.#engine.libc.getsockname, this.fd)) ??
      { host: "0.0.0.0", port: 0 };
  }

  /** Sets `addr`, the address that its client connected to, as its local address. */
  cameTo(addr: SocketAddr): void {
    this.#localAddr = addr;
  }

  /** True if only an empty receive shows that nothing is left. */
  get tellsLittle(): boolean {
    return this.hungUp || this.#urgent;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True if splice(2) can be used. */
  get spliceable(): boolean {
    return true;
  }

  /** Octets read for it at a time. */
  get portion(): number {
    return Infinity;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#closed) return Promise.resolve(null);
    if (this.readable || this.#failure) {
      try {
        const bytes = this.#receive();
        if (bytes !== undefined) return Promise.resolve(bytes);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return new Promise((resolve, reject) => this.#reader = { resolve, reject });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new NetError("closed", "Cannot write: closed"));
    try {
      const { length } = bytes;
      const whole = length > SHORT_SIZE ? bytes as Uint8Array<ArrayBuffer> : copy(bytes, length, short);
      const taken = this.send(whole, length);
      if (taken === length) return accepted;
      return new Promise((resolve, reject) => this.#writer = { resolve, reject, rest: bytes.subarray(taken) });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  closeWrite(): Promise<void> {
    this.shutDown();
    return accepted;
  }

  /** Sends FIN. */
  shutDown(): void {
    if (!this.#closed) this.#engine.libc.shutdown(this.fd, SHUT_WR);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#engine.close(this.fd);
    this.#takeReader()?.resolve(null);
    this.#takeWriter()?.reject(new NetError("closed", "Cannot write: closed"));
    this.#flow?.ready(0);
  }

  reset(): void {
    if (this.#closed) return;
    this.#engine.libc.setsockopt(this.fd, SOL_SOCKET, SO_LINGER, noLinger, noLinger.length);
    this.close();
  }

  keepAlive(): void {
    if (!this.#closed) probeWhenSilent(this.#engine.libc, this.fd);
  }

  onLeft(left: (how: Leaving) => void): () => void {
    this.#left = left;
    if (this.hungUp) this.#tellLeft();
    return () => {
      if (this.#left === left) this.#left = undefined;
    };
  }

  /** Sends every event to `flow` from now on, a close as one without bits; undefined: back to read() and write(). */
  divert(flow: Watcher | undefined): void {
    this.#flow = flow;
  }

  /** Reads into `bytes`: number of octets, 0 at the end, -1 if there are none now. Throws NetError. */
  take(bytes: Uint8Array<ArrayBuffer>, size: number): number {
    const { libc } = this.#engine;
    const got = libc.recv(this.fd, bytes, size, 0);
    if (got < 0) {
      const errno = libc.errno();
      if (errno !== EAGAIN) throw this.failed(errno, "read from");
      this.readable = false;
    } else if (got < size && got > 0) this.readable = this.tellsLittle;
    return got;
  }

  /** Octets of `bytes` that the kernel accepts now. If not all, an event reports room later. Throws NetError. */
  send(bytes: Uint8Array<ArrayBuffer>, size = bytes.length): number {
    const sent = size === 0 ? 0 : this.#engine.libc.send(this.fd, bytes, size, MSG_NOSIGNAL);
    if (sent === size) return sent;
    if (sent < 0) {
      const errno = this.#engine.libc.errno();
      if (errno !== EAGAIN) throw this.failed(errno, "write to");
    }
    this.watchWriting();
    return Math.max(0, sent);
  }

  /** Requests an event when there is room to write, at once if there is. Throws NetError. */
  watchWriting(): void {
    if (this.#watchesWriting) return;
    this.#watchesWriting = true;
    this.#engine.poller.change(this.fd, READING | EPOLLOUT);
  }

  /** Stores why the connection is broken; the first cause counts. */
  failed(errno: number, verb: string): NetError {
    return this.#failure ??= errnoError(errno, verb, addressText(this.remoteAddr));
  }

  ready(events: number): void {
    if (events & (EPOLLHUP | EPOLLERR)) this.#broken = true;
    if (events & EPOLLPRI) this.#urgent = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) this.hungUp = this.readable = true;
    else if (events & (EPOLLIN | EPOLLPRI)) this.readable = true;
    if (this.#flow) return this.#flow.ready(events);
    if (this.readable && this.#reader) this.#wakeReader();
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && this.#writer) this.#writeOn(this.#writer);
    if (this.hungUp && this.#left) this.#tellLeft();
  }

  /** The kernel reports that the peer has finished; only a read shows whether octets are unread. */
  #tellLeft(): void {
    if (this.#closed) return;
    if (this.#broken) return this.#left?.("reset");
    const { libc, scratch } = this.#engine;
    this.#left?.(libc.recv(this.fd, scratch, 1, MSG_PEEK) === 0 ? "end" : "half-close");
  }

  #wakeReader(): void {
    try {
      const bytes = this.#receive();
      if (bytes !== undefined) this.#takeReader()?.resolve(bytes);
    } catch (error) {
      this.#takeReader()?.reject(error);
    }
  }

  #writeOn(writer: { rest: Uint8Array }): void {
    try {
      writer.rest = writer.rest.subarray(this.send(writer.rest as Uint8Array<ArrayBuffer>));
      if (writer.rest.length === 0) this.#takeWriter()!.resolve();
    } catch (error) {
      this.#takeWriter()!.reject(error);
    }
  }

  /** The next bytes, null at the end, undefined if there are none now. Throws NetError. */
  #receive(): Uint8Array | null | undefined {
    const { scratch } = this.#engine;
    const size = this.take(scratch, READ_SIZE);
    if (size > 0) return copied(scratch, size);
    if (size < 0) return undefined;
    if (this.#failure) throw this.#failure; // the kernel reports it only once, and a write got the report
    return null;
  }

  #takeReader(): Waiting<Uint8Array | null> | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    return reader;
  }

  #takeWriter(): Waiting<void> | undefined {
    const writer = this.#writer;
    this.#writer = undefined;
    return writer;
  }
}
