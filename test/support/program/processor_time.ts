import { readFileSync } from "node:fs";

const WATCHED_MS = 1_000;

/** The part of a second that a process spends working, of all its threads (proc_pid_stat(5)). */
export async function busyPart(pid: number): Promise<number> {
  const before = processorMs(pid);
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  return (processorMs(pid) - before) / WATCHED_MS;
}

/** Told in clock ticks of 10 ms. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}
