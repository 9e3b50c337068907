import type { Leaving } from "./socket.ts";

/** What is kept for whoever reads next; with so much behind it, an end is no news. */
const MAX_AHEAD_SIZE = 16 << 10;

/** Reads a connection while nobody else does, where only a read tells that the peer has left. */
export class Ahead {
  readonly #receive: () => Promise<Uint8Array | null>;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  /** A read that has begun, or has told the end: the next to read gets it. */
  #underWay: Promise<Uint8Array | null> | undefined;
  #left: ((how: Leaving) => void) | undefined;

  /** `receive` is the connection's own read; its views are valid until the next. */
  constructor(receive: () => Promise<Uint8Array | null>) {
    this.#receive = receive;
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#size -= chunk.length;
      return Promise.resolve(chunk);
    }
    const underWay = this.#underWay;
    this.#underWay = undefined;
    return underWay ?? this.#receive();
  }

  /** As AcceptedSocket has it. */
  onLeft(left: (how: Leaving) => void): () => void {
    this.#left = left;
    this.#readOn();
    return () => {
      if (this.#left === left) this.#left = undefined;
    };
  }

  #readOn(): void {
    if (this.#size >= MAX_AHEAD_SIZE) return;
    const read = this.#underWay ??= this.#receive();
    const isMine = () => this.#left !== undefined && this.#underWay === read;
    read.then((chunk) => {
      if (!isMine()) return;
      if (chunk === null) {
        this.#left?.(this.#size === 0 ? "end" : "half-close");
        return;
      }
      this.#underWay = undefined;
      this.#chunks.push(chunk.slice());
      this.#size += chunk.length;
      this.#readOn();
    }, () => isMine() && this.#left?.("reset"));
  }
}
