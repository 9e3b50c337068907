import type { Socket, SocketAddr } from "../net/socket.ts";

/** What is kept for a relay that has not begun. */
const MAX_AHEAD_SIZE = 64 << 10;

/**
 * A client's socket that is read before its relay begins, since only a read tells that the client has left: what BIND wants
 * to know while it waits for the peer. The relay then finds it in front, behind the early data that came with the request.
 */
export class ReadAhead implements Socket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  /** Resolves when the client has ended or reset before the relay began. */
  readonly left: Promise<void>;
  readonly #socket: Socket;
  readonly #ahead: Uint8Array[] = [];
  #size = 0;
  #underWay: Promise<Uint8Array | null> | undefined;
  #relaying = false;

  /** `early` is a copy: the read under way overwrites what the socket lent. */
  constructor(socket: Socket, early: Uint8Array | undefined) {
    this.#socket = socket;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
    if (early) this.#keep(early);
    this.left = new Promise((resolve) => this.#readOn(resolve));
  }

  read(): Promise<Uint8Array | null> {
    this.#relaying = true;
    const chunk = this.#ahead.shift();
    if (chunk) return Promise.resolve(chunk);
    const next = this.#underWay ?? this.#socket.read();
    this.#underWay = undefined;
    return next;
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

  /** A read under way when the relay begins is the relay's, and so is one that has come to an end. */
  #readOn(left: () => void): void {
    this.#underWay = this.#socket.read();
    this.#underWay.then((chunk) => {
      if (this.#relaying) return;
      if (chunk === null) return left();
      this.#underWay = undefined;
      this.#keep(chunk.slice());
      if (this.#size < MAX_AHEAD_SIZE) this.#readOn(left);
    }, left);
  }

  #keep(bytes: Uint8Array): void {
    this.#ahead.push(bytes);
    this.#size += bytes.length;
  }
}
