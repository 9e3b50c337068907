import { NetError } from "../../net/error.ts";
import type { Socket } from "../../net/socket.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import { encodeFrame, fitsFrame, frameSize, unframe } from "../../protocol/udp_frame.ts";
import type { HeadedPayload } from "./onward_association.ts";
import { joined, joinedAll } from "../../protocol/octets.ts";

/** Octets that may wait for a slow peer; further datagrams are dropped. */
const MAX_QUEUED_SIZE = 256 << 10;

/** Cost of a datagram besides its octets: without it, empty datagrams would queue without a bound. */
const DATAGRAM_COST = 64;

/** How a connection with datagrams has ended; "malformed" if message boundaries were lost. */
export type FramedEnd = "end" | "reset" | "error" | "malformed";

const nothing = new Uint8Array(0);

/** Datagrams framed on a connection (udp_frame.ts), in both directions. */
export class FramedDatagrams {
  /** Resolves when it has ended; a reader notices the end. */
  readonly ended: Promise<FramedEnd>;
  readonly #socket: Socket;
  #unread: Uint8Array = nothing;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #writing = false;
  #closed = false;
  #end: (how: FramedEnd) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => this.#end = resolve);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Received datagrams, with headers of RFC 1928 s7, empty for an invalid one; null at the end. The views are valid until the next receive(). */
  async receive(): Promise<readonly Uint8Array[] | null> {
    try {
      while (!this.#closed) {
        const batch = this.#take();
        if (batch.length > 0) return batch;
        const kept = this.#unread.slice(); // the next read overwrites it
        const chunk = await this.#socket.read();
        if (chunk === null) this.#finish("end");
        else this.#unread = kept.length === 0 ? chunk : joined(kept, chunk);
      }
    } catch (error) {
      if (error instanceof ProtocolError) this.#finish("malformed");
      else this.#fail(error);
    }
    return null;
  }

  /** Sends without waiting; returns the number dropped: too large for a frame, or too many for a slow peer. */
  send(batch: readonly HeadedPayload[]): number {
    let lost = 0;
    for (const { header, payload } of batch) {
      const cost = header.length + payload.length + DATAGRAM_COST;
      if (this.#closed || this.#queued + cost > MAX_QUEUED_SIZE || !fitsFrame(header, payload)) lost++;
      else {
        this.#queue.push(encodeFrame(header, payload));
        this.#queued += cost;
      }
    }
    if (!this.#writing && this.#queue.length > 0) void this.#write();
    return lost;
  }

  close(): void {
    this.#finish("end");
  }

  #take(): readonly Uint8Array[] {
    const batch: Uint8Array[] = [];
    for (let size = frameSize(this.#unread); size !== undefined && size <= this.#unread.length;) {
      const frame = this.#unread.subarray(0, size);
      batch.push(unframe(frame) ? frame : nothing);
      this.#unread = this.#unread.subarray(size);
      size = frameSize(this.#unread);
    }
    return batch;
  }

  /** One write at a time, of everything queued. */
  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#queue.length > 0 && !this.#closed) {
        const queue = this.#queue;
        this.#queue = [];
        const bytes = queue.length === 1 ? queue[0]! : joinedAll(queue);
        await this.#socket.write(bytes);
        this.#queued -= bytes.length + DATAGRAM_COST * queue.length;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#writing = false;
  }

  #fail(error: unknown): void {
    if (!(error instanceof NetError)) throw error;
    this.#finish(error.kind === "reset" ? "reset" : "error");
  }

  #finish(how: FramedEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#unread = nothing;
    this.#socket.close();
    this.#end(how);
  }
}
