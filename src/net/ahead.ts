import type { Leaving } from "./socket.ts";

/** Octets kept for the next read; with this many, an end behind them need not be reported. */
const MAX_AHEAD_SIZE = 16 << 10;

/** Reads a connection while no other reader does, since only a read detects that the peer has left. */
export class Ahead {
  readonly #receive: () => Promise<Uint8Array | null>;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  /** A pending read, or one that has reported the end: the next reader gets it. */
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

  /** See AcceptedSocket. */
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
