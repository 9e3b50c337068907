import { KnownAddrs } from "./known_addrs.ts";
import type { Datagram, SocketAddr } from "../../socket.ts";
import { IPPROTO_UDP, MSG_DONTWAIT, UDP_GRO } from "../../kernel/libc/abi.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { MessageHeaders } from "../../kernel/libc/message_headers.ts";
import { AF_INET6, SOCKADDR_SIZE } from "../../kernel/libc/sockaddr.ts";

/** Messages per call; each may contain many datagrams, joined by the kernel (UDP_GRO). */
const MESSAGES = 32;

/** Room for the largest message. Memory that was never written to takes no physical pages. */
const MESSAGE_SIZE = 64 << 10;

/** Slot distance that is not a power of two, so that their beginnings do not collide in the processor's cache. */
const STRIDE = MESSAGE_SIZE + 192;

/** Arenas of a thread: to make one costs more than to copy datagrams out of it, 100 us and its pages. */
const MAX_ARENAS = 8;

/** Buffers for received datagrams. Lent to one socket from one receive() to the next, so that idle sockets cost nothing. */
export class UdpArena {
  readonly #libc: Libc;
  readonly #headers: MessageHeaders;
  readonly #data = new Uint8Array(MESSAGES * STRIDE);
  /** True if the last receive() found no more than it took. */
  drained = false;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#headers = new MessageHeaders(libc, MESSAGES);
    const at = libc.addressOf(this.#data.buffer);
    for (let i = 0; i < MESSAGES; i++) this.#headers.setMemory(i, at + i * STRIDE, MESSAGE_SIZE);
    this.#prepare(MESSAGES);
  }

  /** Datagrams received on `fd`, in views of this arena, or -1 for an error (errno). `last` finds addresses again. */
  receive(fd: number, last: LastSource): readonly Datagram[] | -1 {
    const headers = this.#headers;
    const count = this.#libc.recvmmsg(fd, headers.headers, MESSAGES, MSG_DONTWAIT, null);
    this.drained = count < MESSAGES;
    if (count < 0) return -1;
    const batch: Datagram[] = [];
    for (let i = 0; i < count; i++) {
      const addr = last.addr(headers.names, headers.nameAt(i));
      if (addr) this.#split(i, addr, batch);
    }
    this.#prepare(count);
    return batch;
  }

  #split(i: number, addr: SocketAddr, batch: Datagram[]): void {
    const start = i * STRIDE, end = start + this.#headers.size(i);
    const segment = this.#headers.control(i, IPPROTO_UDP, UDP_GRO) || MESSAGE_SIZE;
    let at = start;
    do { // an empty datagram is one, too
      const next = Math.min(at + segment, end);
      batch.push({ bytes: this.#data.subarray(at, next), addr });
      at = next;
    } while (at < end);
  }

  /** The kernel writes into the sizes, so they are set again. */
  #prepare(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#headers.setNameSize(i, SOCKADDR_SIZE);
      this.#headers.expectControl(i);
    }
  }
}

export class UdpArenas {
  readonly addrs = new KnownAddrs();
  readonly #libc: Libc;
  readonly #spare: UdpArena[] = [];
  #lent = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** True if the last one is lent: it must be given back before another is taken. */
  get scarce(): boolean {
    return this.#lent >= MAX_ARENAS;
  }

  take(): UdpArena {
    this.#lent++;
    return this.#spare.pop() ?? new UdpArena(this.#libc);
  }

  giveBack(arena: UdpArena): void {
    this.#lent--;
    this.#spare.push(arena);
  }

  /** In place of giveBack(), for an arena that is left to the holder of its views. */
  leave(): void {
    this.#lent--;
  }
}

/** Datagrams come in runs from one place: its address is kept, one object for all of them. */
export class LastSource {
  readonly #addrs: KnownAddrs;
  readonly #bytes = new Uint8Array(SOCKADDR_SIZE);
  #addr: SocketAddr | undefined;

  constructor(addrs: KnownAddrs) {
    this.#addrs = addrs;
  }

  addr(names: Uint8Array<ArrayBuffer>, at: number): SocketAddr | undefined {
    // Behind family, port and address stand zeros, which do not count, or a scope; before an IPv6 address a flow label.
    const size = names[at] === AF_INET6 ? SOCKADDR_SIZE : 8;
    let same = this.#addr !== undefined;
    for (let i = 0; same && i < size; i++) same = names[at + i] === this.#bytes[i];
    if (!same) {
      for (let i = 0; i < SOCKADDR_SIZE; i++) this.#bytes[i] = i < size ? names[at + i]! : 0;
      this.#addr = this.#addrs.find(this.#bytes);
    }
    return this.#addr;
  }
}
