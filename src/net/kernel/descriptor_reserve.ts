import { readFileSync } from "node:fs";
import { NetError } from "../error.ts";
import { openDescriptors } from "./open_descriptors.ts";

/**
 * Keeps the last descriptors of the process from clients: runtimes cannot stand having none, and the admin endpoint has to
 * answer. Numbers are given out lowest first (POSIX), so a high one says that few are left.
 */
export class DescriptorReserve {
  readonly #limit: number;
  readonly #spare: number;

  constructor(limit = descriptorLimit()) {
    this.#limit = limit;
    this.#spare = Math.min(64, limit >> 3);
  }

  /** Whether `fd`, just opened by a client, is one too many. */
  refusesClient(fd: number): boolean {
    return fd >= this.#limit - this.#spare;
  }

  /** Whether `fd`, just opened for a client, is one too many: half of what is spare is for those that are in already. */
  refuses(fd: number): boolean {
    return fd >= this.#limit - (this.#spare >> 1);
  }

  /** Throws what a system without descriptors would cause, before so many are opened that will not tell their numbers. */
  check(what: string, count = 1): void {
    if (this.#limit === Infinity) return;
    // They are counted: what a runtime opens for us may have a number of its own, which on Deno 2.4 only grows.
    const open = openDescriptors();
    if (open !== undefined && this.refuses(open + count - 1)) throw noDescriptors(what);
  }
}

export function noDescriptors(what: string): NetError {
  return new NetError("no-descriptors", `Cannot ${what}: too few descriptors left`);
}

/** How many sessions there are descriptors for, of which each has one towards its client and one towards its destination. */
export function sessionCapacity(): number {
  return Math.floor(descriptorLimit() / 2);
}

/** How many descriptors this process may have (proc_pid_limits(5)); no bound where that is not said. */
function descriptorLimit(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}
