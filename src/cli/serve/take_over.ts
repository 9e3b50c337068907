import { readFileSync } from "node:fs";
import process from "node:process";
import { ConfigError } from "../../config/error.ts";
import { NetError } from "../../net/error.ts";

/** How long the predecessor may take to give the admin endpoint's address back (ms), and how often it is looked at. */
const PATIENCE_MS = 10_000, LOOK_MS = 50;

/** What the predecessor is told by: number 12 on x86 and ARM (signal(7)). */
const SIGNAL = "SIGUSR2", SIGNAL_NUMBER = 12;

/** Throws ConfigError where there is no such process, or not of this user, or where the signal would only end it. */
export function checkPredecessor(pid: number): void {
  const refuse = (state: unknown): never => {
    throw new ConfigError(`Cannot take over from ${pid}: ${state}`);
  };
  try {
    process.kill(pid, 0);
  } catch (error) {
    refuse((error as { code?: string }).code);
  }
  if (pid === process.pid) refuse("that is this program itself");
  if (!heeds(pid)) refuse("it is no gate46");
}

/** Whether that process has a way to take the signal (proc(5), SigCgt); who cannot be looked at is believed to. */
function heeds(pid: number): boolean {
  let status;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return true;
  }
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${caught}`) >> BigInt(SIGNAL_NUMBER - 1) & 1n) === 1n;
}

/** Tells the predecessor that this program has the listeners now. */
export function takeOverFrom(pid: number): void {
  process.kill(pid, SIGNAL);
}

/** What `open` opens, once the predecessor has closed it. Rejects with NetError. */
export async function whenFree<T>(open: () => Promise<T>): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const taken = error instanceof NetError && error.kind === "address-in-use";
      if (!taken || performance.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
