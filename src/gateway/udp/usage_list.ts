/** An item of a list ordered by last use: the time of its use, and its neighbours. */
export interface Used<T> {
  usedAt: number;
  newer: T | undefined;
  older: T | undefined;
}

/** Items in the order of their last use. A use allocates nothing, so that each datagram can count as one. */
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

  /** Adds an item that is in no list, as used at `now`. */
  add(one: T, now: number): void {
    one.usedAt = now;
    one.newer = undefined;
    one.older = this.#newest;
    if (this.#newest) this.#newest.newer = one;
    else this.#oldest = one;
    this.#newest = one;
    this.#size++;
  }

  /** Notes a use of an item in the list. */
  use(one: T, now: number): void {
    one.usedAt = now;
    if (one === this.#newest) return;
    this.remove(one);
    this.add(one, now);
  }

  /** Removes an item. */
  remove(one: T): void {
    if (one.newer) one.newer.older = one.older;
    else this.#newest = one.older;
    if (one.older) one.older.newer = one.newer;
    else this.#oldest = one.newer;
    one.newer = one.older = undefined;
    this.#size--;
  }
}
