import type { Socket, SocketAddr } from "../../net/socket.ts";

/** A socket that gives back some bytes that were read before: they come first. */
export class HeadedSocket implements Socket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  readonly #socket: Socket;
  #head: Uint8Array | undefined;

  constructor(socket: Socket, head: Uint8Array) {
    this.#socket = socket;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
    this.#head = head;
  }

  read(): Promise<Uint8Array | null> {
    const head = this.#head;
    if (!head) return this.#socket.read();
    this.#head = undefined;
    return Promise.resolve(head);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    this.#head = undefined;
    this.#socket.close();
  }

  reset(): void {
    this.#head = undefined;
    this.#socket.reset();
  }

  keepAlive(): void {
    this.#socket.keepAlive();
  }
}
