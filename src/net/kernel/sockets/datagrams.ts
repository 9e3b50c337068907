import type { Datagram, SocketAddr } from "../../socket.ts";
import { EFD_CLOEXEC, F_DUPFD_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL } from "../libc/abi.ts";
import { EAGAIN } from "../libc/errno.ts";
import type { Libc } from "../libc/libc.ts";
import { AF_INET6, decodeSockaddr, encodeSockaddr, SOCKADDR_SIZE } from "../libc/sockaddr.ts";

/** Room for the largest datagram. */
const DATAGRAM_SIZE = 64 << 10;
const ARENA_SIZE = 2 * DATAGRAM_SIZE;

/** A larger batch would let one association delay the others. */
const MAX_BATCH = 64;

/**
 * Binds by `bind` and tells the descriptor that the kernel gave it: the lowest free one (POSIX), so it is looked at before and
 * proven by its address after. Undefined where another thread was quicker.
 */
export function bindWithDescriptor<T>(
  libc: Libc,
  bind: () => T,
  addrOf: (bound: T) => SocketAddr,
): [T, number | undefined] {
  const lowest = lowestDescriptor(libc);
  const bound = bind();
  const name = new Uint8Array(SOCKADDR_SIZE), size = Uint32Array.of(SOCKADDR_SIZE);
  const found = lowest >= 0 && libc.getsockname(lowest, name, size) === 0 ? decodeSockaddr(name) : undefined;
  const { host, port } = addrOf(bound);
  return [bound, found?.host === host && found.port === port ? lowest : undefined];
}

/** The number of the next descriptor, unless another thread is quicker; negative if none is free. */
export function lowestDescriptor(libc: Libc): number {
  if (copied < 0) copied = libc.eventfd(0, EFD_CLOEXEC);
  const lowest = libc.fcntl(copied, F_DUPFD_CLOEXEC, 0);
  if (lowest >= 0) libc.close(lowest);
  return lowest;
}

/** To copy one costs a tenth of what a new socket does. */
let copied = -1;

/** Moves datagrams by plain calls on a descriptor that a runtime owns, without a promise and a parsed address for each. */
export class KernelDatagrams {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #six: boolean;
  readonly #from = new Uint8Array(SOCKADDR_SIZE);
  readonly #fromSize = new Uint32Array(1);
  readonly #encoded = new WeakMap<SocketAddr, Uint8Array<ArrayBuffer>>();
  #arena: Uint8Array<ArrayBuffer> | undefined;
  #last: { bytes: Uint8Array; addr: SocketAddr } | undefined;

  constructor(libc: Libc, fd: number, boundTo: SocketAddr) {
    this.#libc = libc;
    this.#fd = fd;
    this.#six = boundTo.host.includes(":");
  }

  /** Adds received datagrams to `batch`. The views are valid until the next call. */
  drain(batch: Datagram[]): void {
    const arena = this.#arena ??= new Uint8Array(ARENA_SIZE);
    for (let used = 0; used + DATAGRAM_SIZE <= arena.length && batch.length < MAX_BATCH;) {
      this.#fromSize[0] = SOCKADDR_SIZE;
      const room = arena.subarray(used, used + DATAGRAM_SIZE);
      const size = this.#libc.recvfrom(this.#fd, room, DATAGRAM_SIZE, MSG_DONTWAIT, this.#from, this.#fromSize);
      const addr = size >= 0 ? this.#source() : undefined;
      if (!addr) return;
      batch.push({ bytes: arena.subarray(used, used + size), addr });
      used += size;
    }
  }

  /** Undefined if the kernel has no room now, or the address is of another family than the socket. */
  send({ bytes, addr }: Datagram): "sent" | "lost" | undefined {
    if (addr.host.includes(":") !== this.#six) return undefined;
    let to = this.#encoded.get(addr);
    if (!to) this.#encoded.set(addr, to = encodeSockaddr(addr));
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const sent = this.#libc.sendto(this.#fd, bytes as Uint8Array<ArrayBuffer>, bytes.length, flags, to, to.length);
    if (sent >= 0) return "sent";
    return this.#libc.errno() === EAGAIN ? undefined : "lost";
  }

  /** Datagrams come in runs from one source: its address is kept. */
  #source(): SocketAddr | undefined {
    const last = this.#last;
    // Behind an IPv4 address stand zeros, which do not count.
    const size = this.#from[0] === AF_INET6 ? SOCKADDR_SIZE : 8;
    if (last && last.bytes.every((octet, i) => i >= size || octet === this.#from[i])) return last.addr;
    const addr = decodeSockaddr(this.#from);
    if (addr) this.#last = { bytes: this.#from.slice(), addr };
    return addr;
  }
}
