import { readFileSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { ConfigError } from "../../config/error.ts";
import { NetError } from "../../net/error.ts";
import { log } from "../log/log.ts";

/** How long the predecessor may take to give the admin endpoint's address back before that is told, and how often it is tried (ms). */
const PATIENCE_MS = 10_000, TRY_MS = 50, TRY_ON_MS = 1_000;

/** Throws ConfigError where there is no such process, not of this user, or it is none that a signal would have hand over. */
export function checkPredecessor(pid: number): void {
  const refuse = (state: string) => new ConfigError(`Cannot take over from ${pid}: ${state}`);
  if (pid === process.pid) throw refuse("it is this very process");
  try {
    process.kill(pid, 0);
  } catch (error) {
    throw refuse((error as { code?: string }).code ?? String(error));
  }
  if (!hears(pid)) throw refuse("it is no gate46 that serves"); // which the signal would kill
}

/** Tells the predecessor that this program has the listeners now. */
export function takeOverFrom(pid: number): void {
  try {
    process.kill(pid, "SIGUSR2");
  } catch (error) {
    log.warning("predecessor gone", { process: pid, error: (error as { code?: string }).code });
  }
}

/** What `open` opens, as soon as nobody else has it there. Undefined where `isOver` before; never rejects, since there is no way back. */
export async function whenFree<T>(open: () => Promise<T>, isOver: () => boolean): Promise<T | undefined> {
  const until = performance.now() + PATIENCE_MS;
  for (let told = false; !isOver();) {
    try {
      return await open();
    } catch (error) {
      if (!told && (!isTaken(error) || performance.now() > until)) {
        log.error(`not listening yet: ${(error as Error).message}`);
        told = true;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, told ? TRY_ON_MS : TRY_MS));
  }
  return undefined;
}

/** What `open` opens; undefined where another program has it there. Rejects with NetError. */
export async function unlessTaken<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (isTaken(error)) return undefined;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof NetError && error.kind === "address-in-use";
}

/** Whether that process does something of its own at SIGUSR2 (proc(5)), or nobody says. */
function hears(pid: number): boolean {
  let status;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return true;
  }
  const caught = /^SigCgt:\s*([0-9a-f]+)/m.exec(status)?.[1];
  return caught === undefined || (BigInt(`0x${caught}`) >> BigInt(constants.signals.SIGUSR2 - 1) & 1n) === 1n;
}
