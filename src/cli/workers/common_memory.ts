import { pathsMemory } from "../../gateway/dial/path_memory.ts";
import { clearRegion } from "../../gateway/limits/counters.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { DescriptorOwners } from "../../net/linux/engine/descriptor_owners.ts";
import type { CommonBuffers } from "./worker_messages.ts";

/** Descriptors that are noted; Linux gives out the lowest free number, and none beyond fs.nr_open. */
const MAX_DESCRIPTORS = 1 << 20;

/** Memory that all workers have in common, each its own place in it: what one that has died leaves there is found. */
export class CommonMemory {
  readonly buffers: CommonBuffers;
  readonly #sessions: BigInt64Array;

  /** `counters` has a place for each of so many `workers`, and one more. */
  constructor(workers: number, counters: SharedArrayBuffer, names?: SharedArrayBuffer) {
    this.buffers = {
      names,
      descriptors: new SharedArrayBuffer(MAX_DESCRIPTORS),
      counters,
      paths: pathsMemory((size) => new SharedArrayBuffer(size)),
      sessions: new SharedArrayBuffer(8 * (workers + 1)),
    };
    this.#sessions = new BigInt64Array(this.buffers.sessions);
  }

  get sessionCount(): number {
    let count = 0;
    for (let i = 1; i < this.#sessions.length; i++) count += this.sessionsOf(i);
    return count;
  }

  sessionsOf(number: number): number {
    return Number(Atomics.load(this.#sessions, number));
  }

  /** Ends what the kernel still has of a dead worker, and forgets what was counted for it. How many sessions it had. */
  clear(number: number, libc: Libc): number {
    const owners = new DescriptorOwners(this.buffers.descriptors, number);
    for (const fd of owners.owned()) {
      owners.remove(fd);
      libc.close(fd);
    }
    clearRegion(this.buffers.counters, number - 1);
    return Number(Atomics.exchange(this.#sessions, number, 0n));
  }
}
