interface Closable {
  close(): void;
}

/** What has arrived and waits for accept(), the oldest first. One accept() waits at a time. */
export class Arrivals<T extends Closable> {
  #arrived: T[] = [];
  #waiting: ((one: T | null) => void) | undefined;
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** Hands it to accept(); closes it if nothing is accepted any more. */
  add(one: T): void {
    if (this.#closed) return one.close();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(one);
    else this.#arrived.push(one);
  }

  /** The next; null once closed. */
  accept(): Promise<T | null> {
    const one = this.#arrived.shift();
    if (one) return Promise.resolve(one);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting = resolve);
  }

  /** Closes what has not been accepted. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const one of this.#arrived.splice(0)) one.close();
    this.#waiting?.(null);
    this.#waiting = undefined;
  }
}
