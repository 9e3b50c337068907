import type { Decode } from "../../protocol/cursor.ts";
import { NetError } from "../../net/error.ts";
import type { Socket } from "../../net/socket.ts";
import type { Tls } from "../../net/tls/tls.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { HeadedSocket } from "./headed_socket.ts";

const nothing = new Uint8Array(0);

/** Messages of the gateways of a chain over one socket, however they are sliced. */
export class HopWire {
  readonly #tls: Tls | undefined;
  readonly #asker: Asker;
  #socket: Socket;
  #unread: Uint8Array = nothing;

  constructor(socket: Socket, tls?: Tls, asker: Asker = { client: "" }) {
    this.#socket = socket;
    this.#tls = tls;
    this.#asker = asker;
  }

  /** The way to the gateway that is talked to. */
  get socket(): Socket {
    return this.#socket;
  }

  /** Speaks TLS from now on, with who has to be `name`. Rejects with NetError. */
  async secure(name: string): Promise<void> {
    if (!this.#tls) throw new NetError("other", "there is no TLS here");
    this.#socket = await this.#tls.connect(this.way(), name, this.#asker);
  }

  /** The next message, which `decode` must not wait for without end. Rejects with what it throws, or with NetError. */
  async take<T>(decode: Decode<T>): Promise<T> {
    for (;;) {
      const decoded = this.#unread.length > 0 ? decode(this.#unread) : undefined;
      if (decoded) {
        this.#unread = this.#unread.subarray(decoded.size);
        return decoded.value;
      }
      const kept = this.#unread.slice(); // the next read overwrites it
      const chunk = await this.#socket.read();
      if (chunk === null) throw new NetError("closed", "it has hung up");
      this.#unread = kept.length === 0 ? chunk : joined(kept, chunk);
    }
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.#socket.write(bytes);
  }

  /** What came behind the last message: the destination's first bytes. A copy, told once. */
  rest(): Uint8Array {
    const rest = this.#unread.slice();
    this.#unread = nothing;
    return rest;
  }

  /** The way to the destination, once the gateways have been talked to: nothing that came early is lost. */
  way(): Socket {
    const rest = this.rest();
    return rest.length > 0 ? new HeadedSocket(this.#socket, rest) : this.#socket;
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const both = new Uint8Array(head.length + tail.length);
  both.set(head);
  both.set(tail, head.length);
  return both;
}
