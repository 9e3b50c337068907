/** Per chain: time of the next probe (ms), number of probes, and result of the last (µs, or -1). */
const DUE = 0, COUNT = 1, RESULT = 2, WORDS = 3;

/** Chains beyond this number are probed by each thread. */
const MAX_CHAINS = 1_024;

/** The result of a chain's last probe. */
export interface ProbeNews {
  /** Its number, from 1. */
  readonly number: bigint;
  /** Undefined if it failed. */
  readonly latencyMs: number | undefined;
}

/**
 * Lets one of several threads probe each chain at a time, and shares the result with the others. Times are of a common clock.
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

  /** True if this thread is to probe that chain now; if it dies, another thread takes over after `leaseMs`. */
  take(chain: number, now: number, leaseMs: number): boolean {
    if (chain >= MAX_CHAINS) return true;
    const at = chain * WORDS + DUE;
    const due = Atomics.load(this.#words, at);
    return now >= due && Atomics.compareExchange(this.#words, at, due, whole(now + leaseMs)) === due;
  }

  /** Publishes the result. Returns the number of this probe. */
  done(chain: number, dueAt: number, latencyMs: number | undefined): bigint {
    if (chain >= MAX_CHAINS) return 0n;
    const at = chain * WORDS;
    Atomics.store(this.#words, at + RESULT, latencyMs === undefined ? -1n : whole(latencyMs * 1_000));
    Atomics.store(this.#words, at + DUE, whole(dueAt));
    return Atomics.add(this.#words, at + COUNT, 1n) + 1n;
  }

  /** The last result, if it is newer than number `known`. */
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
