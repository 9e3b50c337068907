import { readFileSync } from "node:fs";
import type { Room } from "../../admin/status.ts";
import type { Clock } from "../../net/clock.ts";
import { openDescriptors } from "../../net/kernel/host/open_descriptors.ts";
import { maxDescriptors } from "./process_figures.ts";

/** How long figures are kept (ms), because counting descriptors takes a step for each. */
const KEPT_MS = 10_000;

/** Free descriptors and memory of this process; unknown on systems other than Linux. */
export class RoomWatch {
  readonly #clock: Clock;
  #seen: Room | undefined;
  #seenAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get room(): Room {
    const now = this.#clock.now();
    if (!this.#seen || now - this.#seenAt > KEPT_MS) {
      this.#seen = { openDescriptors: openDescriptors(), maxDescriptors: maxDescriptors(), ...memoryRoom() };
      this.#seenAt = now;
    }
    return this.#seen;
  }
}

/** Memory of the control group if it has a limit, else of the machine. */
export function memoryRoom(read: (path: string) => string = readText): Pick<Room, "usedMemory" | "memory"> {
  const group = /^0::(\/.*)$/m.exec(read("/proc/self/cgroup"))?.[1];
  const limit = group === undefined ? NaN : Number.parseInt(read(`/sys/fs/cgroup${group}/memory.max`));
  if (limit > 0) {
    const stat = read(`/sys/fs/cgroup${group}/memory.stat`);
    const current = Number.parseInt(read(`/sys/fs/cgroup${group}/memory.current`));
    const files = Number(/^inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0); // the kernel frees these on demand
    if (current > 0) return { usedMemory: current - files, memory: limit };
  }
  const meminfo = read("/proc/meminfo");
  const octets = (name: string) => 1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1]);
  const [memory, available] = [octets("MemTotal"), octets("MemAvailable")];
  if (!(memory > 0 && available >= 0)) return { usedMemory: undefined, memory: undefined };
  return { usedMemory: memory - available, memory };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
