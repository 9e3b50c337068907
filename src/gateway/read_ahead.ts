import type { Socket, SocketAddr } from "../net/socket.ts";

/**
 * A client's socket with what was read before the relay began in front: the early data behind its request, and a read that
 * is under way already, which is how BIND notices that its client left while it waits for the peer.
 */
export class ReadAhead implements Socket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  /** What came next: null at the end; rejects as read() does. */
  readonly first: Promise<Uint8Array | null>;
  readonly #socket: Socket;
  readonly #ahead: Promise<Uint8Array | null>[];

  /** `early` is a copy: the read under way overwrites what the socket lent. */
  constructor(socket: Socket, early: Uint8Array) {
    this.#socket = socket;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
    this.first = socket.read();
    this.first.catch(() => {}); // whoever reads it is told
    this.#ahead = early.length > 0 ? [Promise.resolve(early), this.first] : [this.first];
  }

  read(): Promise<Uint8Array | null> {
    return this.#ahead.shift() ?? this.#socket.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    this.#socket.close();
  }

  reset(): void {
    this.#socket.reset();
  }

  keepAlive(): void {
    this.#socket.keepAlive();
  }
}
