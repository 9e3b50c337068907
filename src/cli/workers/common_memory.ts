import { pathsMemory } from "../../gateway/dial/path_memory.ts";
import { clearRegion } from "../../gateway/limits/counters.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { DescriptorOwners } from "../../net/linux/engine/descriptor_owners.ts";
import type { CommonBuffers } from "./messages/worker_messages.ts";

/** Maximum descriptors tracked; Linux assigns the lowest free number, and none above fs.nr_open. */
const MAX_DESCRIPTORS = 1 << 20;

/** Memory that all workers share. Each worker has its own place in it, so that a dead worker's state can be cleared. */
export class CommonMemory {
  readonly buffers: CommonBuffers;
  readonly #sessions: BigInt64Array;

  /** `counters` has a place for each of `workers`, and one for the main thread. */
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

  /** Closes a dead worker's descriptors and clears its counters. Returns the number of its sessions. */
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
