import { NetError, type NetErrorKind } from "../../../src/net/error.ts";
import type { AcceptedSocket, Leaving, Listener, SocketAddr } from "../../../src/net/socket.ts";

/** What a lent view is overwritten with, so that code which keeps one too long reads rubbish. */
export const RUBBISH = 0xee;

/** Descriptors of one host that have not been closed. */
export type OpenSet = Set<object>;

/** Wakes whoever waits for a change of state. */
class Change {
  #waiters: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  tell(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}

/** One direction of a connection, with room for so many bytes. */
class Pipe {
  readonly change = new Change();
  readonly #buffer: Uint8Array;
  #size = 0;
  ended = false;
  broken = false;
  readerGone = false;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Takes what fits; returns how much. */
  put(bytes: Uint8Array): number {
    const part = bytes.subarray(0, this.#buffer.length - this.#size);
    this.#buffer.set(part, this.#size);
    this.#size += part.length;
    if (part.length > 0) this.change.tell();
    return part.length;
  }

  takeAll(): Uint8Array {
    const bytes = this.#buffer.slice(0, this.#size);
    this.#size = 0;
    this.change.tell();
    return bytes;
  }

  end(): void {
    this.ended = true;
    this.change.tell();
  }

  break(): void {
    this.broken = true;
    this.#size = 0;
    this.change.tell();
  }
}

/** Two ends of one connection. */
export function socketPair(
  near: SocketAddr,
  far: SocketAddr,
  capacity: number,
): readonly [MemorySocket, MemorySocket] {
  const [there, back] = [new Pipe(capacity), new Pipe(capacity)];
  return [new MemorySocket(near, far, back, there), new MemorySocket(far, near, there, back)];
}

/**
 * As a TCP socket is on Linux: closed with unread bytes it resets, and so does it when bytes come after it was closed. It
 * reads the bytes of a write late, so a view that changes before write() resolves arrives changed.
 */
export class MemorySocket implements AcceptedSocket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  /** How often the kernel was asked to probe the peer. */
  keepAliveCount = 0;
  readonly #in: Pipe;
  readonly #out: Pipe;
  #open: OpenSet | undefined;
  #lent: Uint8Array = new Uint8Array(0);
  #reading = false;
  #writing = false;
  #closed = false;

  constructor(localAddr: SocketAddr, remoteAddr: SocketAddr, incoming: Pipe, outgoing: Pipe) {
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
    this.#in = incoming;
    this.#out = outgoing;
  }

  /** Counts it among the descriptors of its host until it is closed. */
  openedIn(open: OpenSet): this {
    this.#open = open;
    open.add(this);
    return this;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#reading) throw new Error("Two reads at a time");
    this.#reading = true;
    this.#lent.fill(RUBBISH);
    try {
      for (;;) {
        if (this.#closed) return null;
        if (this.#in.broken) throw new NetError("reset", "Cannot read: reset");
        if (this.#in.size > 0) return this.#lent = this.#in.takeAll();
        if (this.#in.ended) return null;
        await this.#in.change.wait();
      }
    } finally {
      this.#reading = false;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#writing) throw new Error("Two writes at a time");
    this.#writing = true;
    try {
      await Promise.resolve();
      for (let written = 0; written < bytes.length;) {
        if (this.#closed || this.#out.ended) throw new NetError("closed", "Cannot write: closed");
        if (this.#out.readerGone) this.#break();
        if (this.#out.broken) throw new NetError("reset", "Cannot write: reset");
        const taken = this.#out.put(bytes.subarray(written));
        written += taken;
        if (taken === 0) await this.#out.change.wait();
      }
    } finally {
      this.#writing = false;
    }
  }

  closeWrite(): Promise<void> {
    if (!this.#closed) this.#out.end();
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    if (this.#in.size > 0) return this.reset();
    this.#shut();
    this.#out.end();
  }

  reset(): void {
    if (this.#closed) return;
    this.#shut();
    this.#break();
  }

  keepAlive(): void {
    this.keepAliveCount++;
  }

  onLeft(left: (how: Leaving) => void): () => void {
    let over = false;
    const watch = async () => {
      for (let told = ""; !over && !this.#closed; await this.#in.change.wait()) {
        const finished = this.#in.ended && (this.#in.size === 0 ? "end" : "half-close");
        const how = this.#in.broken ? "reset" : finished;
        if (how && how !== told) left(told = how);
      }
    };
    void watch();
    return () => void (over = true);
  }

  toString(): string {
    const { localAddr: { host, port }, remoteAddr } = this;
    return `socket ${host} port ${port} to ${remoteAddr.host} port ${remoteAddr.port}`;
  }

  #shut(): void {
    this.#closed = true;
    this.#open?.delete(this);
    this.#in.readerGone = true;
    this.#in.change.tell();
    this.#out.change.tell();
  }

  #break(): void {
    this.#in.break();
    this.#out.break();
  }
}

export class MemoryListener implements Listener {
  readonly addr: SocketAddr;
  readonly #open: OpenSet;
  readonly #change = new Change();
  readonly #queue: MemorySocket[] = [];
  readonly #faults: NetErrorKind[] = [];
  #closed = false;

  constructor(addr: SocketAddr, open: OpenSet) {
    this.addr = addr;
    this.#open = open;
    open.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Brings a connection. */
  offer(socket: MemorySocket): void {
    this.#queue.push(socket);
    this.#change.tell();
  }

  /** Has an accept() fail. */
  fail(kind: NetErrorKind): void {
    this.#faults.push(kind);
    this.#change.tell();
  }

  async accept(): Promise<MemorySocket | null> {
    for (;;) {
      if (this.#closed) return null;
      const fault = this.#faults.shift();
      if (fault) throw new NetError(fault, "Cannot accept: told so by the test");
      const socket = this.#queue.shift();
      if (socket) return socket.openedIn(this.#open);
      await this.#change.wait();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open.delete(this);
    for (const socket of this.#queue.splice(0)) socket.reset();
    this.#change.tell();
  }

  toString(): string {
    return `listener on ${this.addr.host} port ${this.addr.port}`;
  }
}
