import { readFileSync } from "node:fs";
import process from "node:process";
import { ConfigError } from "../../config/config_error.ts";
import { pause, systemClock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import { log } from "../log/log.ts";
import { stateOf } from "../../net/error_words.ts";

/** Time to wait for the predecessor's admin address before logging an error; interval of attempts before and after (ms). */
const PATIENCE_MS = 10_000, TRY_MS = 50, TRY_ON_MS = 1_000;

/** Signal to the predecessor: number 12 on x86 and ARM (signal(7)). */
const SIGNAL = "SIGUSR2", SIGNAL_NUMBER = 12;

/** Throws ConfigError if there is no such process, it belongs to another user, or the signal would only end it. */
export function checkPredecessor(pid: number): void {
  const refuse = (state: unknown): never => {
    throw new ConfigError(`Cannot take over from ${pid}: ${state}`);
  };
  try {
    process.kill(pid, 0);
  } catch (error) {
    refuse(stateOf(error));
  }
  if (pid === process.pid) refuse("that is this program itself");
  if (!heeds(pid)) refuse("it is not gate46");
}

/** True if that process handles the signal (proc(5), SigCgt), or if that is unknown. */
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
  try {
    process.kill(pid, SIGNAL);
  } catch (error) {
    log.warning("predecessor gone", { process: pid, error: (error as { code?: string }).code });
  }
}

/** The result of `open`, once the address is free. Undefined if `isOver` before; never rejects, since there is no way back. */
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
    await pause(systemClock, told ? TRY_ON_MS : TRY_MS);
  }
  return undefined;
}

/** The result of `open`; undefined if another program has the address. Rejects with NetError. */
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
