import type { Socket, SocketAddr } from "../net/socket.ts";

/** A socket whose first read is under way already: how BIND notices that its client left while it waits for the peer. */
export class ReadAhead implements Socket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  /** Null at the end; rejects as read() does. */
  readonly first: Promise<Uint8Array | null>;
  readonly #socket: Socket;
  #firstTaken = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
    this.first = socket.read();
    this.first.catch(() => {}); // whoever reads it is told
  }

  read(): Promise<Uint8Array | null> {
    if (this.#firstTaken) return this.#socket.read();
    this.#firstTaken = true;
    return this.first;
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
