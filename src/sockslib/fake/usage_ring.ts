/** Fields of a number: its neighbours in the ring, and its pin count. They are adjacent, for the cache. */
const NEWER = 0, OLDER = 1, PINS = 2, STRIDE = 4;

/** The place in the ring where its two ends meet. */
const END = 0;

/** Numbers from 1 on, in the order of their last use, without pinned ones. */
export class UsageRing {
  #fields = new Int32Array(STRIDE * 1_024);
  #usedAt = new Float64Array(1_024);

  /** Adds a number as the most recently used. */
  add(number: number, now: number): void {
    if (number >= this.#usedAt.length) this.#grow(number + 1);
    this.#usedAt[number] = now;
    this.#fields[STRIDE * number + PINS] = 0;
    this.#link(number);
  }

  use(number: number, now: number): void {
    this.#usedAt[number] = now;
    const fields = this.#fields, at = STRIDE * number;
    if (fields[at + PINS]! > 0 || fields[at + NEWER] === END) return;
    this.#unlink(number);
    this.#link(number);
  }

  /** Removes the least recently used number, if its use was not after `before`. */
  takeOldest(before: number): number | undefined {
    const number = this.#fields[NEWER]!;
    if (number === END || this.#usedAt[number]! > before) return undefined;
    this.#unlink(number);
    return number;
  }

  /** True if a number is neither pinned nor used after `before`. */
  rested(number: number, before: number): boolean {
    return this.#fields[STRIDE * number + PINS] === 0 && this.#usedAt[number]! <= before;
  }

  /** Removes a number that is not pinned. */
  remove(number: number): void {
    this.#unlink(number);
  }

  pin(number: number): void {
    const pins = this.#fields[STRIDE * number + PINS]++;
    if (pins === 0) this.#unlink(number);
  }

  /** Notes a use. */
  unpin(number: number, now: number): void {
    this.#usedAt[number] = now;
    const pins = --this.#fields[STRIDE * number + PINS]!;
    if (pins === 0) this.#link(number);
  }

  #link(number: number): void {
    const fields = this.#fields, at = STRIDE * number;
    const second = fields[OLDER]!;
    fields[at + OLDER] = second;
    fields[at + NEWER] = END;
    fields[STRIDE * second + NEWER] = number;
    fields[OLDER] = number;
  }

  #unlink(number: number): void {
    const fields = this.#fields, at = STRIDE * number;
    const newer = fields[at + NEWER]!, older = fields[at + OLDER]!;
    fields[STRIDE * newer + OLDER] = older;
    fields[STRIDE * older + NEWER] = newer;
  }

  #grow(size: number): void {
    const [fields, usedAt] = [this.#fields, this.#usedAt];
    const room = Math.max(2 * usedAt.length, size);
    this.#fields = new Int32Array(STRIDE * room);
    this.#fields.set(fields);
    this.#usedAt = new Float64Array(room);
    this.#usedAt.set(usedAt);
  }
}
