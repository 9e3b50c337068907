import process from "node:process";
import { type Clock, systemClock } from "../../net/clock.ts";
import { stopLog } from "../log/log.ts";
import type { Running } from "./running.ts";

/** Signals within this time count as one (ms): timeout(1), a terminal and a task runner each signal a whole group. */
export const SAME_SIGNAL_MS = 1_000;

/** Handler of SIGTERM and SIGINT: the first signal takes the first of `steps`, each later one the next. */
export function stopSignals(clock: Pick<Clock, "now">, ...steps: readonly (() => void)[]): () => void {
  let taken = 0, lastAt = -Infinity;
  return () => {
    if (clock.now() - lastAt < SAME_SIGNAL_MS) return;
    lastAt = clock.now();
    steps[taken++]?.();
  };
}

/**
 * SIGTERM and SIGINT drain; sent again later, they cut the remaining sessions, and the third time they end the program at once.
 * SIGHUP reloads, SIGUSR2 hands over.
 */
export function listenToSignals(running: Running): void {
  const stop = stopSignals(systemClock, () => running.drain(), () => running.hurried.make(), () => {
    stopLog();
    process.exit(1);
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  if (process.platform === "win32") return; // Windows has none of the following signals
  process.on("SIGHUP", () => void running.reload());
  process.on("SIGUSR2", () => running.handOver());
  process.on("SIGUSR1", () => {}); // logrotate often sends it; the log finds a moved file by itself
}
