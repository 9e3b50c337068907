import type { Datagram, SocketAddr } from "../../net/socket.ts";

/** Payloads with headers before them, in memory that the next batch reuses. */
export class Outbox {
  #scratch = new Uint8Array(2 << 10);
  #used = 0;
  #batch: Datagram[] = [];

  add(header: Uint8Array, payload: Uint8Array, addr: SocketAddr): void {
    const size = header.length + payload.length;
    if (this.#used + size > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(2 * this.#scratch.length, size)); // queued views keep the old buffer alive
      this.#used = 0;
    }
    const bytes = this.#scratch.subarray(this.#used, this.#used += size);
    bytes.set(header);
    bytes.set(payload, header.length);
    this.#batch.push({ bytes, addr });
  }

  /** The datagrams added; valid until the next add(). */
  take(): readonly Datagram[] {
    const batch = this.#batch;
    this.#batch = [];
    this.#used = 0;
    return batch;
  }
}
