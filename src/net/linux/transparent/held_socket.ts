import { NetError } from "../../error.ts";
import type { AcceptedSocket, OwnConnection, Socket, SocketAddr } from "../../socket.ts";
import type { LinuxSocket } from "../tcp_socket.ts";

/** The holder of a connection request. */
export interface Holder {
  /** Lets it connect; rejects if it does not. Undefined where the client has its way itself. */
  open(): Promise<LinuxSocket | undefined>;
  /** Refuses it, with a SOCKS reply (RFC 1928 s6). */
  refuse(reply: number): void;
  readonly own?: OwnConnection | undefined;
  /** True if the client has that connection itself, so that there is nothing to relay. */
  isItself?(destination: Socket): boolean;
}

/** RFC 1928 s6. */
const SUCCEEDED = 0, GENERAL_FAILURE = 1;

/**
 * A requested connection that waits for the answer. The first octet written to it is a reply of RFC 1928 s6: 00 completes the
 * connection, any other makes connect(2) fail as it would have without a gateway.
 */
export class HeldSocket implements AcceptedSocket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  readonly #holder: Holder;
  #answered = false;
  #opened: LinuxSocket | undefined;
  #closed = false;
  #readers: (() => void)[] = [];

  constructor(from: SocketAddr, to: SocketAddr, holder: Holder) {
    this.localAddr = to;
    this.remoteAddr = from;
    this.#holder = holder;
  }

  /** The connection, once it is complete. */
  get opened(): LinuxSocket | undefined {
    return this.#opened;
  }

  get own(): OwnConnection | undefined {
    return this.#holder.own;
  }

  isItself(destination: Socket): boolean {
    return this.#holder.isItself?.(destination) === true;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#opened) return await this.#opened.write(bytes);
    if (this.#answered || bytes.length === 0) return;
    this.#answered = true;
    const reply = bytes[0]!;
    if (reply !== SUCCEEDED) return this.#holder.refuse(reply);
    const opened = await this.#holder.open();
    if (this.#closed) {
      opened?.close();
      throw new NetError("closed", "Cannot open a connection: closed");
    }
    this.#opened = opened;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#opened) return this.#opened.read();
    if (this.#closed || this.#answered) return Promise.resolve(null);
    return new Promise((resolve) => this.#readers.push(() => resolve(null)));
  }

  async closeWrite(): Promise<void> {
    await this.#opened?.closeWrite();
  }

  close(): void {
    this.#end();
    this.#opened?.close();
  }

  reset(): void {
    this.#end();
    this.#opened?.reset();
  }

  keepAlive(): void {
    this.#opened?.keepAlive();
  }

  /** Not reported before it is complete. */
  onLeft(): () => void {
    return () => {};
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const tell of this.#readers.splice(0)) tell();
    if (this.#answered) return;
    this.#answered = true;
    this.#holder.refuse(GENERAL_FAILURE);
  }
}
