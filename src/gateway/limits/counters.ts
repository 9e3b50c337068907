import { keyedHash } from "./keyed_hash.ts";

/**
 * Counts by key, in memory that several threads may share: each writes to its own region and reads all, so there are no
 * locks, and a dead thread's counts go with its region. Two threads that count at the same moment may exceed a bound by one
 * each.
 */

/** Keys with one hash share a set of so many slots. */
const WAYS = 8, SETS = 4_096;

/** Layout of a slot, in 32-bit words: the key's hash, the count, its window, and the count of the window before. */
const LOW = 0, HIGH = 1, COUNT = 2, WINDOW = 3, BEFORE = 4, SLOT = 5;

const REGION = SETS * WAYS * SLOT;

/** The secret that keeps clients from choosing keys that collide, in 32-bit words. */
const SEED = 2;

/** Windows by number; 0 is none. */
function windowOf(now: number, windowMs: number): number {
  return 1 + Math.floor(now / windowMs) % (2 ** 31 - 2);
}

/** Allocates the counters of so many threads. */
export function countersMemory<M extends ArrayBuffer | SharedArrayBuffer>(
  threads: number,
  make: (size: number) => M,
): M {
  const memory = make(4 * (SEED + threads * REGION));
  new Int32Array(memory).set(crypto.getRandomValues(new Int32Array(SEED)));
  return memory;
}

/** Clears the counts of a thread that has ended. */
export function clearRegion(memory: ArrayBuffer | SharedArrayBuffer, thread: number): void {
  new Int32Array(memory, 4 * (SEED + thread * REGION), REGION).fill(0);
}

/** @internal */
export class Counters {
  readonly #words: Int32Array;
  readonly #own: number;
  readonly #regions: number;

  /** For thread number `thread`, from 0; without shared memory, for one thread alone. */
  constructor(
    memory: ArrayBuffer | SharedArrayBuffer = countersMemory(1, (size) => new ArrayBuffer(size)),
    thread = 0,
  ) {
    this.#words = new Int32Array(memory);
    this.#own = thread;
    this.#regions = Math.floor((this.#words.length - SEED) / REGION);
  }

  /** Increments `key`, unless all threads together hold `bound` of it; returns whether it did. release() decrements it. */
  hold(key: string, bound: number): boolean {
    const [low, high] = this.#hash(key);
    let held = 0;
    for (let region = 0; region < this.#regions; region++) held += this.#read(region, low, high, COUNT);
    if (held >= bound) return false;
    const slot = this.#slot(low, high);
    if (slot !== undefined) this.#words[slot + COUNT]!++;
    return true;
  }

  release(key: string): void {
    const [low, high] = this.#hash(key);
    const slot = this.#find(this.#own, low, high);
    if (slot !== undefined && --this.#words[slot + COUNT]! <= 0) this.#words.fill(0, slot, slot + SLOT);
  }

  /**
   * Adds `times` events of `key`, and returns how many there were within the last `windowMs`, these included, as if evenly
   * spread.
   */
  tally(key: string, windowMs: number, now: number, times = 1): number {
    const [low, high] = this.#hash(key);
    const window = windowOf(now, windowMs);
    const slot = this.#slot(low, high);
    if (slot !== undefined) {
      this.#turn(slot, window);
      this.#words[slot + COUNT]! += times;
    }
    return this.#sum(low, high, windowMs, now);
  }

  /** Number of events of `key` within the last `windowMs`. */
  rate(key: string, windowMs: number, now: number): number {
    const [low, high] = this.#hash(key);
    return this.#sum(low, high, windowMs, now);
  }

  /** Clears this thread's events of `key`, also those that were added to `sum`. */
  forget(key: string, sum: string, windowMs: number, now: number): void {
    const words = this.#words;
    const slot = this.#find(this.#own, ...this.#hash(key));
    if (slot === undefined) return;
    const whole = this.#find(this.#own, ...this.#hash(sum));
    if (whole !== undefined) {
      for (const one of [slot, whole]) this.#turn(one, windowOf(now, windowMs));
      for (const field of [COUNT, BEFORE]) {
        words[whole + field] = Math.max(0, words[whole + field]! - words[slot + field]!);
      }
    }
    words.fill(0, slot, slot + SLOT);
  }

  /** Events of this window, and of the part of the former one that still counts. */
  #sum(low: number, high: number, windowMs: number, now: number): number {
    const window = windowOf(now, windowMs);
    const left = 1 - (now % windowMs) / windowMs;
    let sum = 0;
    for (let region = 0; region < this.#regions; region++) {
      const slot = this.#find(region, low, high);
      if (slot === undefined) continue;
      const age = window - this.#words[slot + WINDOW]!;
      if (age === 0) sum += this.#words[slot + COUNT]! + left * this.#words[slot + BEFORE]!;
      else if (age === 1) sum += left * this.#words[slot + COUNT]!;
    }
    return sum;
  }

  #turn(slot: number, window: number): void {
    const words = this.#words;
    const age = window - words[slot + WINDOW]!;
    if (age === 0) return;
    words[slot + BEFORE] = age === 1 ? words[slot + COUNT]! : 0;
    words[slot + COUNT] = 0;
    words[slot + WINDOW] = window;
  }

  #read(region: number, low: number, high: number, field: number): number {
    const slot = this.#find(region, low, high);
    return slot === undefined ? 0 : this.#words[slot + field]!;
  }

  #find(region: number, low: number, high: number): number | undefined {
    const words = this.#words;
    const set = SEED + region * REGION + (low & (SETS - 1)) * WAYS * SLOT;
    for (let slot = set; slot < set + WAYS * SLOT; slot += SLOT) {
      if (words[slot + LOW] === low && words[slot + HIGH] === high) return slot;
    }
    return undefined;
  }

  /**
   * The key's slot in this thread's region: its own, a free one, or the rate with the oldest event. Undefined
   * if all slots of the set are held, which takes eight keys with one hash.
   */
  #slot(low: number, high: number): number | undefined {
    const found = this.#find(this.#own, low, high);
    if (found !== undefined) return found;
    const words = this.#words;
    const set = SEED + this.#own * REGION + (low & (SETS - 1)) * WAYS * SLOT;
    let taken: number | undefined;
    for (let slot = set; slot < set + WAYS * SLOT; slot += SLOT) {
      const free = words[slot + LOW] === 0 && words[slot + HIGH] === 0;
      if (free) {
        taken = slot;
        break;
      }
      const isRate = words[slot + WINDOW] !== 0;
      if (isRate && (taken === undefined || words[slot + WINDOW]! < words[taken + WINDOW]!)) taken = slot;
    }
    if (taken === undefined) return undefined;
    words.fill(0, taken, taken + SLOT);
    words[taken + LOW] = low;
    words[taken + HIGH] = high;
    return taken;
  }

  #hash(key: string): readonly [low: number, high: number] {
    return keyedHash(key, this.#words[0]!, this.#words[1]!);
  }
}
