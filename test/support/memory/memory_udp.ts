import type { Datagram, SocketAddr, UdpSocket } from "../../../src/net/socket.ts";
import { type OpenSet, RUBBISH } from "./memory_socket.ts";

/** What a kernel takes over IPv4. */
const MAX_SIZE = 65_507;

/** Carries a datagram to where it goes; false where it cannot leave. */
export type Carry = (from: MemoryUdpSocket, datagram: Datagram) => boolean;

/** Reads a batch late, as the kernel may: views that change before send() resolves leave changed. */
export class MemoryUdpSocket implements UdpSocket {
  readonly addr: SocketAddr;
  readonly #open: OpenSet;
  readonly #carry: Carry;
  /** Awaited by each send: how a test holds datagrams back. */
  readonly #gate: () => Promise<void>;
  #queue: Datagram[] = [];
  #lent: readonly Datagram[] = [];
  #wake = () => {};
  #closed = false;

  constructor(addr: SocketAddr, open: OpenSet, carry: Carry, gate: () => Promise<void>) {
    this.addr = addr;
    this.#open = open;
    this.#carry = carry;
    this.#gate = gate;
    open.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  async receive(): Promise<readonly Datagram[] | null> {
    for (const { bytes } of this.#lent) bytes.fill(RUBBISH);
    while (this.#queue.length === 0) {
      if (this.#closed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    this.#lent = this.#queue;
    this.#queue = [];
    return this.#lent;
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    await this.#gate();
    let lost = 0;
    for (const datagram of batch) {
      const gone = !this.#closed && datagram.bytes.length <= MAX_SIZE && this.#carry(this, datagram);
      if (!gone) lost++;
    }
    return lost;
  }

  deliver(bytes: Uint8Array, from: SocketAddr): void {
    this.#queue.push({ bytes: bytes.slice(), addr: from });
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#open.delete(this);
    this.#wake();
  }

  toString(): string {
    return `UDP socket on ${this.addr.host} port ${this.addr.port}`;
  }
}
