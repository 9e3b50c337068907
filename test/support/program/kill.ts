import process from "node:process";

/** Sends a signal to a process that may just have ended by itself. */
export function kill(pid: number, signal: string): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}
