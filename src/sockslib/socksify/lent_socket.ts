import { NetError } from "../../net/error.ts";
import type { Socket, SocketAddr } from "../../net/socket.ts";

/** The runtime's side of a lent connection. */
export interface Lender {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  /** Resolves when the bytes have been handed to the runtime. */
  write(bytes: Uint8Array): Promise<void> | void;
  close(): void;
}

/**
 * A runtime's own connection while the SOCKS client talks on it. Each read gives one octet, so that the client takes
 * nothing behind the last reply: later octets are the application's, and rest() returns them.
 */
export class LentSocket implements Socket {
  readonly #lender: Lender;
  #queue = new Uint8Array(0);
  #at = 0;
  #ended: NetError | "end" | undefined;
  #wake: (() => void) | undefined;

  constructor(lender: Lender) {
    this.#lender = lender;
  }

  get localAddr(): SocketAddr {
    return this.#lender.localAddr;
  }

  get remoteAddr(): SocketAddr {
    return this.#lender.remoteAddr;
  }

  /** Received bytes; they are copied. */
  feed(bytes: Uint8Array): void {
    const queue = new Uint8Array(this.#queue.length - this.#at + bytes.length);
    queue.set(this.#queue.subarray(this.#at));
    queue.set(bytes, this.#queue.length - this.#at);
    this.#queue = queue;
    this.#at = 0;
    this.#wake?.();
  }

  /** The connection has ended, or failed with `error`. */
  end(error?: NetError): void {
    this.#ended ??= error ?? "end";
    this.#wake?.();
  }

  /** Received bytes that were not read. */
  rest(): Uint8Array {
    const rest = this.#queue.subarray(this.#at);
    this.#at = this.#queue.length;
    return rest;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#at === this.#queue.length) {
      if (this.#ended === "end") return null;
      if (this.#ended) throw this.#ended;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    return this.#queue.subarray(this.#at, ++this.#at);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended instanceof NetError) throw this.#ended;
    await this.#lender.write(bytes);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve(); // a SOCKS conversation never half-closes
  }

  close(): void {
    this.end();
    this.#lender.close();
  }

  reset(): void {
    this.close();
  }

  keepAlive(): void {}
}
