/** Of each chain: when the next probe is due (ms), how many there were, and what the last came to (µs, or -1). */
const DUE = 0, COUNT = 1, RESULT = 2, WORDS = 3;

/** Chains beyond so many are probed by each thread. */
const MAX_CHAINS = 1_024;

/** What the last probe of a chain came to. */
export interface ProbeNews {
  /** Which one it was, from 1. */
  readonly number: bigint;
  /** Undefined where it failed. */
  readonly latencyMs: number | undefined;
}

/**
 * Has each chain probed by one thread of several at a time, and the others know what came of it. Times of a clock that all share.
 * @internal
 */
export class ProbeTurns {
  readonly #words: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new BigInt64Array(memory);
  }

  /** For the threads of one configuration. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(MAX_CHAINS * WORDS * BigInt64Array.BYTES_PER_ELEMENT);
  }

  /** Whether it is for this thread to probe that chain now; who dies over it has another take it after `leaseMs`. */
  take(chain: number, now: number, leaseMs: number): boolean {
    if (chain >= MAX_CHAINS) return true;
    const at = chain * WORDS + DUE;
    const due = Atomics.load(this.#words, at);
    return now >= due && Atomics.compareExchange(this.#words, at, due, whole(now + leaseMs)) === due;
  }

  /** Tells the others. Returns the number of this probe. */
  done(chain: number, dueAt: number, latencyMs: number | undefined): bigint {
    if (chain >= MAX_CHAINS) return 0n;
    const at = chain * WORDS;
    Atomics.store(this.#words, at + RESULT, latencyMs === undefined ? -1n : whole(latencyMs * 1_000));
    Atomics.store(this.#words, at + DUE, whole(dueAt));
    return Atomics.add(this.#words, at + COUNT, 1n) + 1n;
  }

  /** What came of the last, where that was after the one of number `known`. */
  news(chain: number, known: bigint): ProbeNews | undefined {
    const at = chain * WORDS;
    const number = Atomics.load(this.#words, at + COUNT);
    if (number === known) return undefined;
    const result = Atomics.load(this.#words, at + RESULT);
    return { number, latencyMs: result < 0n ? undefined : Number(result) / 1_000 };
  }
}

function whole(ms: number): bigint {
  return BigInt(Math.round(ms));
}
