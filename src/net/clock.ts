import type { Cut } from "./cut.ts";

/** Time, replaceable by tests. */
export interface Clock {
  /** Milliseconds that never run backwards. */
  now(): number;
  /** Runs `then` once, after `ms`, unless the returned function is called first. */
  after(ms: number, then: () => void): () => void;
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or when the cut fires. */
export function pause(clock: Clock, ms: number, cut?: Cut): Promise<void> {
  return new Promise((resolve) => {
    if (cut?.made) return resolve();
    const cancel = clock.after(ms, () => {
      release?.();
      resolve();
    });
    const release = cut?.on(() => {
      cancel();
      resolve();
    });
  });
}
