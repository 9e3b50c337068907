import type { Datagram, SocketAddr } from "../../socket.ts";
import { IPPROTO_UDP, MSG_DONTWAIT, MSG_NOSIGNAL, UDP_SEGMENT } from "../../kernel/libc/abi.ts";
import { EAGAIN, EINVAL, EIO, EMSGSIZE } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { MessageHeaders } from "../../kernel/libc/message_headers.ts";
import { AF_INET6, encodeSockaddr } from "../../kernel/libc/sockaddr.ts";

const MESSAGES = 64;
const DATA_SIZE = 1 << 20;

/** Maximum datagrams, and octets, of a run that the kernel or the network card splits (UDP_SEGMENT, udp(7)). */
const MAX_SEGMENTS = 64, MAX_RUN_SIZE = 63 << 10;

/** Progress of a batch. */
export interface Progress {
  /** The first datagram to send. */
  next: number;
  lost: number;
}

/** Sends batches with one call for many datagrams. The bytes are copied once, so views are not used after the call. */
export class UdpSender {
  readonly #libc: Libc;
  readonly #headers: MessageHeaders;
  readonly #data = new Uint8Array(DATA_SIZE);
  readonly #dataAt: number;
  readonly #encoded = new WeakMap<SocketAddr, Uint8Array<ArrayBuffer>>();
  /** Index of each message's first datagram, and the end. */
  readonly #firsts = new Int32Array(MESSAGES + 1);
  /** Datagrams of this size or larger are not sent as runs: they do not fit some links. */
  #segmentLimit = MAX_RUN_SIZE;

  /** `segments`: true if the kernel splits runs. */
  constructor(libc: Libc, segments: boolean) {
    this.#libc = libc;
    if (!segments) this.#segmentLimit = 0;
    this.#headers = new MessageHeaders(libc, MESSAGES);
    this.#dataAt = libc.addressOf(this.#data.buffer);
  }

  /** Sends what the kernel accepts now; false if it has no room. `six`: an IPv6 socket. */
  send(fd: number, six: boolean, batch: readonly Datagram[], progress: Progress): boolean {
    if (batch.length === 1 && batch[0]!.bytes.length > 0) return this.#sendOne(fd, six, batch[0]!, progress);
    while (progress.next < batch.length) {
      const count = this.#fill(batch, six, progress);
      if (count === 0) continue;
      const sent = this.#libc.sendmmsg(fd, this.#headers.headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        progress.next = this.#firsts[sent]!;
        continue;
      }
      const errno = sent < 0 ? this.#libc.errno() : 0;
      if (errno === EAGAIN) return false;
      this.#refused(errno, batch, progress);
    }
    return true;
  }

  /** Sends a batch of one by a call that makes the kernel copy fewer parameters. */
  #sendOne(fd: number, six: boolean, { bytes, addr }: Datagram, progress: Progress): boolean {
    const to = this.#name(addr, six), payload = bytes as Uint8Array<ArrayBuffer>;
    const sent = to ? this.#libc.sendto(fd, payload, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, to, to.length) : -1;
    if (to && sent < 0 && this.#libc.errno() === EAGAIN) return false;
    progress.next++;
    if (sent < 0) progress.lost++;
    return true;
  }

  /** The first message was refused: a run is sent again one by one, a single datagram is dropped. */
  #refused(errno: number, batch: readonly Datagram[], progress: Progress): void {
    if (this.#firsts[1]! - this.#firsts[0]! > 1 && (errno === EINVAL || errno === EMSGSIZE || errno === EIO)) {
      this.#segmentLimit = batch[progress.next]!.bytes.length;
      return;
    }
    progress.next++;
    progress.lost++;
  }

  /** Makes messages of the datagrams from `progress.next` on; those without an address of this family, and those that do not fit, are dropped. */
  #fill(batch: readonly Datagram[], six: boolean, progress: Progress): number {
    let used = 0, count = 0, at = progress.next;
    while (at < batch.length && count < MESSAGES) {
      const { bytes: { length: size }, addr } = batch[at]!;
      const to = this.#name(addr, six);
      if (!to || size > DATA_SIZE) {
        if (count > 0) break;
        progress.next = ++at;
        progress.lost++;
        continue;
      }
      const end = at + this.#runLength(batch, at);
      if (used + (end - at) * size > DATA_SIZE) break;
      const start = used;
      this.#firsts[count] = at;
      for (; at < end; at++) {
        this.#data.set(batch[at]!.bytes, used);
        used += batch[at]!.bytes.length;
      }
      this.#headers.names.set(to, this.#headers.nameAt(count));
      this.#headers.setNameSize(count, to.length);
      this.#headers.setMemory(count, this.#dataAt + start, used - start);
      if (end - this.#firsts[count]! > 1) this.#headers.setControl(count, IPPROTO_UDP, UDP_SEGMENT, size);
      else this.#headers.clearControl(count);
      count++;
    }
    this.#firsts[count] = at;
    return count;
  }

  /** Number of datagrams from `at` that form one message: to one destination, of one size except the last, which may be smaller. */
  #runLength(batch: readonly Datagram[], at: number): number {
    const { bytes: { length: size }, addr } = batch[at]!;
    if (size === 0 || size >= this.#segmentLimit) return 1;
    const most = Math.min(MAX_SEGMENTS, Math.floor(MAX_RUN_SIZE / size), batch.length - at);
    let length = 1;
    while (length < most) {
      const next = batch[at + length]!;
      if (next.addr !== addr || next.bytes.length > size || next.bytes.length === 0) break;
      length++;
      if (next.bytes.length < size) break;
    }
    return length;
  }

  /** The socket address of `addr` for a socket of that family; an IPv6 socket reaches IPv4 by mapped addresses. */
  #name(addr: SocketAddr, six: boolean): Uint8Array<ArrayBuffer> | undefined {
    if (addr.zone !== undefined && !/^\d/.test(addr.zone)) return encodeSockaddr(addr); // its number may change
    let name = this.#encoded.get(addr);
    if (!name) {
      const mapped = six && !addr.host.includes(":");
      this.#encoded.set(addr, name = mapped ? mappedSockaddr(addr) : encodeSockaddr(addr));
    }
    return (name[0] === AF_INET6) === six ? name : undefined;
  }
}

function mappedSockaddr(addr: SocketAddr): Uint8Array<ArrayBuffer> {
  const four = encodeSockaddr(addr), six = encodeSockaddr({ host: "::", port: addr.port });
  six.set([0xff, 0xff], 18);
  six.set(four.subarray(4, 8), 20);
  return six;
}
