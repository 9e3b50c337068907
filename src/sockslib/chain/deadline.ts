import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Asker } from "../../turns/fair_queue.ts";

/** How long something may take, and what calls it off. */
export interface Limits {
  readonly deadlineMs: number;
  readonly cut: Cut;
  /** On whose account; the gateway's own where undefined. */
  readonly asker?: Asker;
}

/**
 * Does `work` within the limits: beyond them `close` is called, which has to end it, and the cut it was given is made.
 * `close` is called too when it fails. Rejects with what it rejects with, or with NetError: "Cannot <what>: …".
 */
export async function limited<T>(
  clock: Clock,
  { deadlineMs, cut }: Limits,
  what: string,
  close: () => void,
  work: (over: Cut) => Promise<T>,
): Promise<T> {
  let failure: NetError | undefined;
  const over = new Cut();
  const fail = (error: NetError) => {
    failure ??= error;
    over.make();
    close();
  };
  const release = cut.on(() => fail(new NetError("aborted", `Cannot ${what}: called off`)));
  const cancel = clock.after(deadlineMs, () => {
    fail(new NetError("timed-out", `Cannot ${what}: no answer within ${Math.round(deadlineMs)} ms`));
  });
  try {
    if (failure) throw failure;
    const value = await work(over);
    if (failure) throw failure;
    return value;
  } catch (error) {
    close();
    throw failure ?? error;
  } finally {
    cancel();
    release();
  }
}
