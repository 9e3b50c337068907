import type { Clock } from "../../../src/net/clock.ts";

interface Timer {
  readonly at: number;
  readonly then: () => void;
}

/** Lets everything that is ready run: the memory network waits for nothing but promises, so one turn is enough. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands until a test moves it. */
export class TestClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now = 1_000_000;

  /** Timers that have neither run nor been cancelled: none may be left when a test ends. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#now + ms, then };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves time on, running what is due in its order and whatever follows from it. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.then();
      await settle();
    }
    this.#now = until;
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= until && (!next || timer.at < next.at)) next = timer;
    return next;
  }
}
