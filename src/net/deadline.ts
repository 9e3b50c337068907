import type { Clock } from "./clock.ts";
import { Cut } from "./cut.ts";
import { NetError } from "./error.ts";

/** How long something may take, and what calls it off. */
export interface Deadline {
  readonly deadlineMs: number;
  readonly cut: Cut;
}

/** What `work` comes to, called off after `deadlineMs` or with `cut`: after the deadline it rejects with NetError "timed-out". */
export async function withDeadline<T>(
  clock: Clock,
  { deadlineMs, cut }: Deadline,
  what: string,
  work: (over: Cut) => Promise<T>,
): Promise<T> {
  const over = new Cut();
  let late = false;
  const release = cut.on(() => over.make());
  const cancel = clock.after(deadlineMs, () => {
    late = !over.made;
    over.make();
  });
  try {
    return await work(over);
  } catch (error) {
    if (late) throw new NetError("timed-out", `Cannot ${what}: no answer within ${Math.round(deadlineMs)} ms`);
    throw error;
  } finally {
    cancel();
    release();
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
