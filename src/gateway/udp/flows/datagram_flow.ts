import { encodeHeader, headerSize } from "../../../protocol/datagram.ts";
import type { Address } from "../../../protocol/address.ts";
import type { Clock } from "../../../net/clock.ts";
import type { AcceptedSocket, Datagram, SocketAddr, UdpSocket } from "../../../net/socket.ts";
import { joined } from "../../../protocol/octets.ts";
import type { Used } from "../usage_list.ts";

const nothing = new Uint8Array(0);

/** Octets that may wait to be relayed; more are dropped. */
const MAX_WAITING_SIZE = 256 << 10;

/** Idle timeout of a flow without a destination (ms). */
const UNLED_MS = 60_000;

/** What a flow is made of. */
export interface FlowOf {
  readonly clock: Clock;
  /** What the client sent to. */
  readonly socket: UdpSocket;
  readonly client: SocketAddr;
  /** Told once, when it has ended. */
  readonly ended: (flow: DatagramFlow) => void;
}

/**
 * The datagrams between one address and port of a client and one that it sent to. To a session it looks like a silent connection
 * that ends after an idle timeout; to an association it looks like a SOCKS client.
 */
export class DatagramFlow implements AcceptedSocket, UdpSocket, Used<DatagramFlow> {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  newer: DatagramFlow | undefined;
  older: DatagramFlow | undefined;
  usedAt: number;
  readonly #of: FlowOf;
  #header: Uint8Array = nothing;
  #idleMs = UNLED_MS;
  #mostIdleMs = Infinity;
  #queue: Uint8Array[] = [];
  #waiting = 0;
  #receiver: ((batch: readonly Datagram[] | null) => void) | undefined;
  #whenClosed: (() => void)[] = [];
  #closed = false;
  #cancelIdle = () => {};

  constructor(of: FlowOf) {
    this.#of = of;
    this.localAddr = of.socket.addr;
    this.remoteAddr = of.client;
    this.usedAt = of.clock.now();
    this.#watchIdle();
  }

  get addr(): SocketAddr {
    return this.localAddr;
  }

  /** Sends everything to `to` from now on, with this idle timeout. */
  lead(to: Address, idleMs: number): void {
    this.#header = encodeHeader(to);
    this.#idleMs = idleMs;
    this.#cancelIdle();
    this.#watchIdle();
  }

  /** Lowers the idle timeout to this value. */
  hurry(idleMs: number): void {
    this.#mostIdleMs = idleMs;
    this.#cancelIdle();
    this.#watchIdle();
  }

  /** Takes a datagram of the client; the octets are copied. */
  push(payload: Uint8Array): void {
    const size = Math.max(payload.length, 256); // an empty datagram costs memory too
    if (this.#closed || this.#waiting + size > MAX_WAITING_SIZE) return;
    this.#queue.push(payload.slice());
    this.#waiting += size;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.(this.#takeQueue());
  }

  receive(): Promise<readonly Datagram[] | null> {
    if (this.#closed) return Promise.resolve(null);
    if (this.#queue.length > 0) return Promise.resolve(this.#takeQueue());
    return new Promise((resolve) => this.#receiver = resolve);
  }

  /** Answers leave from the address that the client sent to. */
  async send(batch: readonly Datagram[]): Promise<number> {
    if (this.#closed) return batch.length;
    this.usedAt = this.#of.clock.now();
    const addr = this.remoteAddr;
    return await this.#of.socket.send(batch.map(({ bytes }) => ({ bytes: bytes.subarray(headerSize(bytes)!), addr })));
  }

  /** Nothing, until it ends. */
  read(): Promise<null> {
    return new Promise((resolve) => {
      if (this.#closed) resolve(null);
      else this.#whenClosed.push(() => resolve(null));
    });
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelIdle();
    this.#queue = [];
    this.#receiver?.(null);
    this.#receiver = undefined;
    for (const tell of this.#whenClosed.splice(0)) tell();
    this.#of.ended(this);
  }

  reset(): void {
    this.close();
  }

  keepAlive(): void {}

  /** It never does: nothing tells. */
  onLeft(): () => void {
    return () => {};
  }

  #takeQueue(): readonly Datagram[] {
    const batch = this.#queue.map((payload) => ({ bytes: joined(this.#header, payload), addr: this.remoteAddr }));
    this.#queue = [];
    this.#waiting = 0;
    return batch;
  }

  #watchIdle(): void {
    const { clock } = this.#of;
    const left = this.usedAt + Math.min(this.#idleMs, this.#mostIdleMs) - clock.now();
    if (left <= 0) this.close();
    else this.#cancelIdle = clock.after(left, () => this.#watchIdle());
  }
}
