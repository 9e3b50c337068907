import process from "node:process";
import { type Clock, systemClock } from "../../net/clock.ts";
import { stopLog } from "../log/log.ts";
import type { Running } from "./running.ts";

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

/** SIGTERM and SIGINT have it drain, and end at once when they come again later; SIGHUP has it reload, SIGUSR2 hand over. */
export function listenToSignals(running: Running): void {
  const stop = stopSignals(systemClock, () => running.drain(), () => {
    stopLog();
    process.exit(1); // whoever sends it again does not want to wait
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  if (process.platform === "win32") return; // which has none of these
  process.on("SIGHUP", () => void running.reload());
  process.on("SIGUSR2", () => running.handOver());
  process.on("SIGUSR1", () => {}); // which logrotate is often told to send; the log finds a moved file by itself
}
