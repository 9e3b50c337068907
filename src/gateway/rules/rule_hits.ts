/** Of more rules none is counted: 2 MiB is enough for that. */
const MAX_COUNTED = 262_144;

/** Memory in which all threads count how often each of `count` rules decided; nothing where there are too many. */
export function hitsMemory(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count > MAX_COUNTED ? 0 : 8 * count);
}

/** How often each rule decided since the configuration was read. */
export class RuleHits {
  readonly #low: Int32Array;
  /** How often that has overflowed: in days, where a rule decides ten thousand times a second. */
  readonly #high: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    const count = memory.byteLength / 8;
    this.#low = new Int32Array(memory, 0, count);
    this.#high = new Int32Array(memory, 4 * count, count);
  }

  /** Rules that are counted. */
  get size(): number {
    return this.#low.length;
  }

  add(number: number): void {
    if (number < this.#low.length && Atomics.add(this.#low, number, 1) === -1) Atomics.add(this.#high, number, 1);
  }

  of(number: number): number {
    return this.#high[number]! * 2 ** 32 + (this.#low[number]! >>> 0);
  }
}
