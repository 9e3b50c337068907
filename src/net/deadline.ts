import type { Clock } from "./clock.ts";
import { Cut } from "./cut.ts";
import { NetError } from "./error.ts";

/** How long something may take, and what calls it off. */
export interface Deadline {
  readonly deadlineMs: number;
  readonly cut: Cut;
}

/** Calls something off after `deadlineMs` or with `cut`, until it is released. */
export class Expiry {
  /** For whatever is to be called off. */
  readonly over = new Cut();
  readonly #deadlineMs: number;
  readonly #release: () => void;
  readonly #cancel: () => void;
  #late = false;

  constructor(clock: Clock, { deadlineMs, cut }: Deadline) {
    this.#deadlineMs = deadlineMs;
    this.#release = cut.on(() => this.over.make());
    this.#cancel = clock.after(deadlineMs, () => {
      this.#late = !this.over.made;
      this.over.make();
    });
  }

  release(): void {
    this.#cancel();
    this.#release();
  }

  /** What to tell of a failure: after the deadline NetError "timed-out", that one could not do `what`. */
  told(error: unknown, what: () => string): unknown {
    if (!this.#late) return error;
    return new NetError("timed-out", `Cannot ${what()}: no answer within ${Math.round(this.#deadlineMs)} ms`);
  }
}

/** What `work` comes to, called off after `deadlineMs` or with `cut`: after the deadline it rejects with NetError "timed-out". */
export async function withDeadline<T>(
  clock: Clock,
  deadline: Deadline,
  what: string,
  work: (over: Cut) => Promise<T>,
): Promise<T> {
  const expiry = new Expiry(clock, deadline);
  try {
    return await work(expiry.over);
  } catch (error) {
    throw expiry.told(error, () => what);
  } finally {
    expiry.release();
  }
}

/**
 * The same for `work` that only ends when `close` is called: that is done when it is called off, and when it fails. Called off,
 * it rejects with NetError "aborted", whatever the work comes to.
 */
export async function closedWithDeadline<T>(
  clock: Clock,
  deadline: Deadline,
  what: string,
  close: () => void,
  work: (over: Cut) => Promise<T>,
): Promise<T> {
  return await withDeadline(clock, deadline, what, async (over) => {
    over.on(close);
    const refuseOver = () => {
      if (over.made) throw new NetError("aborted", `Cannot ${what}: called off`);
    };
    try {
      refuseOver();
      const value = await work(over);
      refuseOver();
      return value;
    } catch (error) {
      close();
      refuseOver();
      throw error;
    }
  });
}
