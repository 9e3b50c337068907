import type { Decode } from "../../protocol/cursor.ts";
import type { Socket } from "../../net/socket.ts";

/** The client left in the middle of the conversation. */
export class ClientLeft extends Error {
  override readonly name = "ClientLeft";
}

const nothing = new Uint8Array(0);

/** Messages over a socket, however they are sliced. */
export class Wire {
  readonly #socket: Socket;
  #unread: Uint8Array;

  /** `early` has been read from `socket` already. */
  constructor(socket: Socket, early: Uint8Array = nothing) {
    this.#socket = socket;
    this.#unread = early;
  }

  /** The next message. Rejects with what `decode` throws, with ClientLeft, or with NetError. */
  async take<T>(decode: Decode<T>): Promise<T> {
    for (;;) {
      if (this.#unread.length > 0) {
        const decoded = decode(this.#unread);
        if (decoded) {
          this.#unread = decoded.size === this.#unread.length ? nothing : this.#unread.subarray(decoded.size);
          return decoded.value;
        }
      }
      // Decoders bound their messages (2,048 octets of SOCKS, 64 KiB of HTTP), so what is kept here is that and one read.
      const kept = this.#unread.length === 0 ? nothing : this.#unread.slice();
      const chunk = await this.#socket.read();
      if (chunk === null) throw new ClientLeft("The client left in the middle of a message");
      this.#unread = kept.length === 0 ? chunk : joined(kept, chunk);
    }
  }

  /** The first octet of the next message, which is not taken. Rejects with ClientLeft or NetError. */
  async peek(): Promise<number> {
    return await this.take((bytes) => ({ value: bytes[0]!, size: 0 }));
  }

  /** Rejects with ClientLeft: whatever kept the client from taking its answer, it is gone. */
  async send(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    try {
      await this.#socket.write(bytes);
    } catch (error) {
      throw new ClientLeft("The client left before its answer", { cause: error });
    }
  }

  /** Whether something came behind the last message. */
  get hasMore(): boolean {
    return this.#unread.length > 0;
  }

  /** What came behind the last message: early data for the relay. A copy, since the socket's view goes with its next read. */
  rest(): Uint8Array | undefined {
    if (this.#unread.length === 0) return undefined;
    const rest = this.#unread.slice();
    this.#unread = nothing;
    return rest;
  }
}

/** Both, one behind the other. */
export function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const both = new Uint8Array(head.length + tail.length);
  both.set(head);
  both.set(tail, head.length);
  return both;
}
