import { readFileSync } from "node:fs";
import { NetError } from "../../error.ts";
import { openDescriptors } from "./open_descriptors.ts";

/**
 * Reserves the last descriptors of the process: runtimes fail without any, and the admin endpoint must
 * answer. The lowest free number is given out first (POSIX), so a high number means that few are left.
 */
export class DescriptorReserve {
  readonly #limit: number;
  readonly #spare: number;

  constructor(limit = descriptorLimit()) {
    this.#limit = limit;
    this.#spare = Math.min(64, limit >> 3);
  }

  /** True if `fd`, just opened by a client, is one too many. */
  refusesClient(fd: number): boolean {
    return fd >= this.#limit - this.#spare;
  }

  /** True if `fd`, just opened for a client, is one too many: half of the reserve is for admitted clients. */
  refuses(fd: number): boolean {
    return fd >= this.#limit - (this.#spare >> 1);
  }

  /** Throws the error of a system without descriptors, before opening so many whose numbers stay unknown. */
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

/** Number of sessions that the descriptors allow, with two each: towards the client and towards the destination. */
export function sessionCapacity(): number {
  return Math.floor(descriptorLimit() / 2);
}

/** Descriptor limit of this process (proc_pid_limits(5)); unlimited if unknown. */
function descriptorLimit(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}
