import process from "node:process";
import { ConfigError } from "../../config/error.ts";
import { NetError } from "../../net/error.ts";

/** How long the predecessor may take to give the admin endpoint's address back (ms), and how often it is looked at. */
const PATIENCE_MS = 10_000, LOOK_MS = 50;

/** Throws ConfigError where there is no such process, or not of this user. */
export function checkPredecessor(pid: number): void {
  try {
    process.kill(pid, 0);
  } catch (error) {
    throw new ConfigError(`Cannot take over from ${pid}: ${(error as { code?: string }).code}`);
  }
}

/** Tells the predecessor that this program has the listeners now. */
export function takeOverFrom(pid: number): void {
  process.kill(pid, "SIGUSR2");
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
