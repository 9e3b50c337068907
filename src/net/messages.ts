import type { Decode, Decoded } from "../protocol/cursor.ts";
import { joined } from "../protocol/octets.ts";
import type { Socket } from "./socket.ts";

const nothing = new Uint8Array(0);

/** Messages over a socket, in slices of any size. */
export class Messages {
  readonly #socket: Socket;
  readonly #ended: () => Error;
  #unread: Uint8Array;

  /** `ended` makes the error for an end within a message; `early` are octets read from `socket` already. */
  constructor(socket: Socket, ended: () => Error, early: Uint8Array = nothing) {
    this.#socket = socket;
    this.#ended = ended;
    this.#unread = early;
  }

  /** The next message. Rejects with the error of `decode` or `ended`, or with NetError. */
  take<T>(decode: Decode<T>): Promise<T> {
    try {
      const decoded = this.#decoded(decode);
      return decoded ? Promise.resolve(decoded.value) : this.#takeLater(decode);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The next message of the octets at hand. Throws as `decode` does. */
  #decoded<T>(decode: Decode<T>): Decoded<T> | undefined {
    const unread = this.#unread;
    const decoded = unread.length > 0 ? decode(unread) : undefined;
    if (decoded) this.#unread = decoded.size === unread.length ? nothing : unread.subarray(decoded.size);
    return decoded;
  }

  async #takeLater<T>(decode: Decode<T>): Promise<T> {
    for (;;) {
      // Decoders bound their messages (2,048 octets of SOCKS, 64 KiB of HTTP), so what is kept here is that and one read.
      const kept = this.#unread.length === 0 ? nothing : this.#unread.slice(); // the next read overwrites it
      const chunk = await this.#socket.read();
      if (chunk === null) throw this.#ended();
      this.#unread = kept.length === 0 ? chunk : joined(kept, chunk);
      const decoded = this.#decoded(decode);
      if (decoded) return decoded.value;
    }
  }

  /** True if there are octets behind the last message. */
  get hasMore(): boolean {
    return this.#unread.length > 0;
  }

  /** The octets behind the last message, once. A copy, since the socket's view is valid until its next read only. */
  rest(): Uint8Array | undefined {
    if (this.#unread.length === 0) return undefined;
    const rest = this.#unread.slice();
    this.#unread = nothing;
    return rest;
  }
}
