import { NetError } from "../../../error.ts";
import type { Cut } from "../../../cut.ts";
import {
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  F_SETFL,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_NONBLOCK,
} from "../../../kernel/libc/abi.ts";
import { EAGAIN, EINPROGRESS, errnoError } from "../../../kernel/libc/errno.ts";
import { nameOf, pendingError, resetConnection } from "../../../kernel/sockets/kernel_probe.ts";
import type { Socket, SocketAddr } from "../../../socket.ts";
import { addressText } from "../../../../protocol/address.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Watcher } from "../../engine/poller.ts";
import { option } from "./program_sockets.ts";
import { nameFor } from "./socket_names.ts";

const F_GETFL = 3;

/**
 * A program's own socket while it is connected to a gateway, or to where it wants to go, in place of one of ours: what is said on it
 * before is said here, octet by octet, since what comes behind is the program's. The program waits meanwhile.
 */
export class OwnSocket implements Socket, Watcher {
  readonly remoteAddr: SocketAddr;
  /** True if it leads where the program wants, which has it from now on. */
  handedOver = false;
  #state: "connecting" | "connected" | "closed" = "connecting";
  readonly #engine: Engine;
  readonly #fd: number;
  readonly #flags: number;
  readonly #closed: () => void;
  #wake: (() => void) | undefined;
  #failure: NetError | undefined;

  private constructor(engine: Engine, fd: number, to: SocketAddr, closed: () => void) {
    this.#engine = engine;
    this.#fd = fd;
    this.remoteAddr = to;
    this.#closed = closed;
    this.#flags = engine.libc.fcntl(fd, F_GETFL, 0);
  }

  /** True if a socket of that family can be connected to `to`. */
  static canReach({ libc }: Engine, fd: number, six: boolean, to: SocketAddr): boolean {
    if (to.host.includes(":")) return six;
    return !six || option(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY)[0] === 0;
  }

  /**
   * Connects `fd`, of a program that waits. `closed` is called when it is to be used otherwise, not when it is handed over. Rejects
   * with NetError.
   */
  static connect(
    engine: Engine,
    fd: number,
    six: boolean,
    to: SocketAddr,
    cut: Cut | undefined,
    closed: () => void,
  ): { readonly socket: OwnSocket; readonly connected: Promise<OwnSocket> } {
    const socket = new OwnSocket(engine, fd, to, closed);
    return { socket, connected: socket.#connect(six, cut) };
  }

  get localAddr(): SocketAddr {
    return nameOf(this.#engine.libc.getsockname, this.#fd) ?? { host: "0.0.0.0", port: 0 };
  }

  get connected(): boolean {
    return this.#state === "connected";
  }

  /** The program goes on with it. */
  handOver(): void {
    this.handedOver = true;
    this.#release();
  }

  async read(): Promise<Uint8Array | null> {
    const octet = new Uint8Array(1);
    for (;;) {
      if (this.#state === "closed") return null;
      const got = this.#engine.libc.recv(this.#fd, octet, 1, MSG_DONTWAIT);
      if (got === 1) return octet;
      if (got === 0) return null;
      this.#check(this.#engine.libc.errno(), "read from");
      await this.#event();
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes.slice(); rest.length > 0;) {
      if (this.#state === "closed") throw new NetError("closed", "Cannot write: closed");
      const sent = this.#engine.libc.send(this.#fd, rest, rest.length, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0) rest = rest.slice(sent);
      else {
        this.#check(this.#engine.libc.errno(), "write to");
        await this.#event();
      }
    }
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  /** It is as if it had never been connected. */
  close(): void {
    if (this.#state === "closed") return;
    this.#release();
    resetConnection(this.#engine.libc, this.#fd);
    this.#closed();
  }

  reset(): void {
    this.close();
  }

  keepAlive(): void {}

  ready(events: number): void {
    if (events & (EPOLLERR | EPOLLHUP) && this.#state === "connecting") {
      const errno = pendingError(this.#engine.libc, this.#fd);
      this.#failure = errnoError(errno, "connect to", addressText(this.remoteAddr));
    } else if (this.#state === "connecting" && !(events & EPOLLOUT)) return;
    this.#wake?.();
  }

  async #connect(six: boolean, cut: Cut | undefined): Promise<OwnSocket> {
    const { libc, poller } = this.#engine, fd = this.#fd, name = nameFor(this.remoteAddr, six);
    resetConnection(libc, fd); // it waited elsewhere
    pendingError(libc, fd);
    libc.fcntl(fd, F_SETFL, this.#flags | O_NONBLOCK);
    const errno = libc.connect(fd, name, name.length) < 0 ? libc.errno() : 0;
    poller.watch(fd, this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    const release = cut?.on(() => this.close());
    if (errno === EINPROGRESS) await this.#event();
    else if (errno) this.#failure = errnoError(errno, "connect to", addressText(this.remoteAddr));
    release?.();
    const failure = this.#failure ??
      (this.#state === "closed"
        ? new NetError("aborted", `Cannot connect to ${addressText(this.remoteAddr)}: given up`)
        : undefined);
    if (failure) {
      this.close();
      throw failure;
    }
    this.#state = "connected";
    return this;
  }

  /** Something has changed. */
  #event(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  #check(errno: number, verb: string): void {
    if (errno !== EAGAIN) throw errnoError(errno, verb, addressText(this.remoteAddr));
  }

  #release(): void {
    this.#state = "closed";
    this.#engine.poller.forget(this.#fd);
    this.#engine.libc.fcntl(this.#fd, F_SETFL, this.#flags);
    this.#wake?.();
  }
}
