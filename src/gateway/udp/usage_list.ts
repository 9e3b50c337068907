/** What a list by last use holds: when it was used, and its neighbours there. */
export interface Used<T> {
  usedAt: number;
  newer: T | undefined;
  older: T | undefined;
}

/** Things in the order of their last use. A use costs no memory, so that each datagram can be one. */
export class UsageList<T extends Used<T>> {
  #newest: T | undefined;
  #oldest: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Adds what is in no list, as used at `now`. */
  add(one: T, now: number): void {
    one.usedAt = now;
    one.newer = undefined;
    one.older = this.#newest;
    if (this.#newest) this.#newest.newer = one;
    else this.#oldest = one;
    this.#newest = one;
    this.#size++;
  }

  /** Notes a use of what is in it. */
  use(one: T, now: number): void {
    one.usedAt = now;
    if (one === this.#newest) return;
    this.remove(one);
    this.add(one, now);
  }

  /** Takes out what is in it. */
  remove(one: T): void {
    if (one.newer) one.newer.older = one.older;
    else this.#newest = one.older;
    if (one.older) one.older.newer = one.newer;
    else this.#oldest = one.newer;
    one.newer = one.older = undefined;
    this.#size--;
  }
}
