import type { Clock } from "./clock.ts";
import { Cut } from "./cut.ts";
import { NetError } from "./error.ts";

/** A time limit and a cut. */
export interface Deadline {
  readonly deadlineMs: number;
  readonly cut: Cut;
}

/** Cancels after `deadlineMs` or with `cut`, until it is released. */
export class Expiry {
  /** The cut for the work. */
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

  /** The error to report for a failure: after the deadline NetError "timed-out" for `what`. */
  told(error: unknown, what: () => string): unknown {
    if (!this.#late) return error;
    return new NetError("timed-out", `Cannot ${what()}: no answer within ${Math.round(this.#deadlineMs)} ms`);
  }
}

/** The result of `work`, cancelled after `deadlineMs` or with `cut`; after the deadline it rejects with NetError "timed-out". */
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
 * The same for `work` that ends only when `close` is called: on cancellation, and on failure. Cancelled, it rejects with
 * NetError "aborted", whatever the result of the work.
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
