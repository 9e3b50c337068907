import type { Clock } from "../../net/clock.ts";

/** Within so long a signal is the one before (ms): timeout(1), a terminal and a task runner tell a whole group, and each of them sends it. */
export const SAME_SIGNAL_MS = 1_000;

/** What SIGTERM and SIGINT do: the first `drain`, and one that somebody sends later has it `end` at once. */
export function stopSignals(clock: Pick<Clock, "now">, drain: () => void, end: () => void): () => void {
  let firstAt: number | undefined;
  return () => {
    if (firstAt === undefined) {
      firstAt = clock.now();
      drain();
    } else if (clock.now() - firstAt >= SAME_SIGNAL_MS) end();
  };
}
