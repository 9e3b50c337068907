import process from "node:process";
import { type Clock, systemClock } from "../../net/clock.ts";
import { stopLog } from "../log/log.ts";
import type { Running } from "./running.ts";

/** Signals within this time count as one (ms): timeout(1), a terminal and a task runner each signal a whole group. */
export const SAME_SIGNAL_MS = 1_000;

/** Handler of SIGTERM and SIGINT: the first signal calls `drain`, a later one `end`. */
export function stopSignals(clock: Pick<Clock, "now">, drain: () => void, end: () => void): () => void {
  let firstAt: number | undefined;
  return () => {
    if (firstAt === undefined) {
      firstAt = clock.now();
      drain();
    } else if (clock.now() - firstAt >= SAME_SIGNAL_MS) end();
  };
}

/** SIGTERM and SIGINT drain, and end the program at once if sent again later; SIGHUP reloads, SIGUSR2 hands over. */
export function listenToSignals(running: Running): void {
  const stop = stopSignals(systemClock, () => running.drain(), () => {
    stopLog();
    process.exit(1); // a repeated signal means not to wait
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  if (process.platform === "win32") return; // Windows has none of the following signals
  process.on("SIGHUP", () => void running.reload());
  process.on("SIGUSR2", () => running.handOver());
  process.on("SIGUSR1", () => {}); // logrotate often sends it; the log finds a moved file by itself
}
