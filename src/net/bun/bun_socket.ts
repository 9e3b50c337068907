/// <reference types="bun-types" />
import { addressText } from "../../protocol/address.ts";
import { NetError, netError } from "../error.ts";
import { zoned } from "../kernel/host/interfaces.ts";
import type { AcceptedSocket, Leaving, SocketAddr } from "../socket.ts";
import { socketAddr } from "../socket_addr.ts";

/** Unread octets of a socket before its sender is paused. */
const HIGH_WATER = 64 << 10;

/** Silence before the kernel's first probe. */
const KEEPALIVE_IDLE_MS = 60_000;

/** bun-types forgets the descriptor. */
export type BunTcp = Bun.Socket<BunSocket> & { readonly fd: number };

/** Takes a socket's events directly, in place of read() and write(); used by the relay. */
export interface Flow {
  data(chunk: Uint8Array): void;
  end(): void;
  drain(): void;
  closed(failed: boolean): void;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

interface PendingWrite extends Waiting<void> {
  rest: Uint8Array;
}

const done = Promise.resolve();

/** Turns Bun's callbacks into the pull of Socket; bunHandlers below feeds it. */
export class BunSocket implements AcceptedSocket {
  readonly remoteAddr: SocketAddr;
  readonly tcp: BunTcp;
  #localAddr: SocketAddr | undefined;
  #chunks: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #ended = false;
  #finished = false;
  #closed = false;
  #failure: NetError | undefined;
  #reader: Waiting<Uint8Array | null> | undefined;
  #writer: PendingWrite | undefined;
  #flow: Flow | undefined;
  #left: ((how: Leaving) => void) | undefined;

  /** Bun asks the kernel for each part of an address, so known parts are passed. */
  constructor(tcp: BunTcp, { remoteAddr, localAddr }: Partial<Opening> = {}) {
    this.tcp = tcp;
    this.remoteAddr = remoteAddr ?? bunAddr(tcp.remoteAddress, tcp.remotePort);
    this.#localAddr = localAddr;
  }

  get localAddr(): SocketAddr {
    return this.#localAddr ??= zoned(bunAddr(this.tcp.localAddress, this.tcp.localPort));
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#queued -= chunk.length;
      if (this.#paused && this.#queued < HIGH_WATER) this.#resume();
      return Promise.resolve(chunk);
    }
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#ended || this.#closed) return Promise.resolve(null);
    return new Promise((resolve, reject) => this.#reader = { resolve, reject });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(this.#failure ?? new NetError("closed", "Cannot write: closed"));
    const taken = this.tcp.write(bytes);
    if (taken === bytes.length) return done;
    const rest = taken > 0 ? bytes.subarray(taken) : bytes;
    return new Promise((resolve, reject) => this.#writer = { resolve, reject, rest });
  }

  closeWrite(): Promise<void> {
    this.#finished = true;
    if (!this.#closed) this.tcp.shutdown();
    return done;
  }

  close(): void {
    if (this.#closed) return;
    this.#finished = true;
    this.tcp.end();
    this.onClose();
  }

  reset(): void {
    if (this.#closed) return;
    this.#finished = true;
    this.tcp.terminate();
    this.onClose();
  }

  keepAlive(): void {
    if (!this.#closed) this.tcp.setKeepAlive(true, KEEPALIVE_IDLE_MS);
  }

  onLeft(left: (how: Leaving) => void): () => void {
    this.#left = left;
    this.#tellLeft();
    return () => {
      if (this.#left === left) this.#left = undefined;
    };
  }

  /** Sends every event to `flow` from now on, first those that have happened already; undefined: back to read() and write(). */
  divert(flow: Flow | undefined): void {
    this.#flow = flow;
    if (!flow) return;
    for (const chunk of this.#chunks.splice(0)) flow.data(chunk);
    if (this.#paused) this.#resume();
    if (this.#ended) flow.end();
    if (this.#closed) flow.closed(this.#failure !== undefined);
  }

  onData(chunk: Uint8Array): void {
    if (this.#flow) return this.#flow.data(chunk);
    if (this.#reader) return this.#takeReader()!.resolve(chunk);
    this.#chunks.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued < HIGH_WATER || this.#paused) return;
    this.#paused = true;
    this.tcp.pause();
  }

  onEnd(): void {
    this.#ended = true;
    if (this.#flow) this.#flow.end();
    else this.#takeReader()?.resolve(null);
    this.#tellLeft();
  }

  onDrain(): void {
    if (this.#flow) return this.#flow.drain();
    const writer = this.#writer;
    if (!writer) return;
    const taken = this.tcp.write(writer.rest);
    if (taken > 0) writer.rest = writer.rest.subarray(taken);
    if (writer.rest.length > 0) return;
    this.#writer = undefined;
    writer.resolve();
  }

  /** Closed: by the peer if `error` is given, else by us, or because both ends had finished. */
  onClose(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    // Bun has no error for some resets that follow an end.
    const cause = error ?? (this.#finished ? undefined : { code: "ECONNRESET" });
    if (cause) this.#failure = netError(cause, "use the connection of", addressText(this.remoteAddr));
    this.#flow?.closed(this.#failure !== undefined);
    this.#tellLeft();
    const reader = this.#takeReader();
    if (this.#failure) reader?.reject(this.#failure);
    else reader?.resolve(null);
    this.#writer?.reject(this.#failure ?? new NetError("closed", "Cannot write: closed"));
    this.#writer = undefined;
  }

  #tellLeft(): void {
    if (this.#failure) this.#left?.("reset");
    else if (this.#ended) this.#left?.(this.#queued === 0 ? "end" : "half-close");
  }

  #takeReader(): Waiting<Uint8Array | null> | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    return reader;
  }

  #resume(): void {
    this.#paused = false;
    if (!this.#closed) this.tcp.resume();
  }
}

/** Bun has no address for a socket whose peer has left, despite its types; it is not needed then. */
function bunAddr(host: string | undefined, port: number): SocketAddr {
  return host === undefined ? { host: "0.0.0.0", port: 0 } : socketAddr(host, port);
}

/** A socket's data until it is open; Bun copies it from the listener, or takes it from the connect call. */
export interface Opening {
  readonly remoteAddr?: SocketAddr;
  readonly localAddr?: SocketAddr;
  opened(socket: BunSocket): void;
}

/** The callbacks of all TCP sockets, one object for all: Bun wraps each new one again. */
export const bunHandlers: Bun.SocketHandler<BunSocket | Opening, "uint8array"> = {
  binaryType: "uint8array",
  open(tcp) {
    const opening = tcp.data as Opening;
    const socket = new BunSocket(tcp as BunTcp, opening);
    tcp.data = socket;
    opening.opened(socket);
  },
  data: (tcp, chunk) => (tcp.data as BunSocket).onData(chunk),
  end: (tcp) => (tcp.data as BunSocket).onEnd(),
  drain: (tcp) => (tcp.data as BunSocket).onDrain(),
  close(tcp, error) {
    if (tcp.data instanceof BunSocket) tcp.data.onClose(error);
  },
  error(tcp, error) {
    if (tcp.data instanceof BunSocket) tcp.data.onClose(error);
  },
  connectError() {}, // reported by the promise; without this handler Bun reports it a second time
};
