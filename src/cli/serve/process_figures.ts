import { readFileSync } from "node:fs";
import process from "node:process";
import type { Figures } from "../../admin/program_metrics.ts";
import { openDescriptors } from "../../net/kernel/host/open_descriptors.ts";

/** Interval of measuring the event loop's lag (ms), and number of measurements kept. */
const LOOK_MS = 1_000, LOOKS = 60;

/** Figures of this process that Deno and Bun both have; fewer on systems other than Linux. */
export class ProcessFigures {
  readonly #startedAtSeconds = performance.timeOrigin / 1_000;
  readonly #lagsMs: number[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #dueAt = 0;

  /** Starts measuring the event loop's lag. */
  start(): void {
    this.#dueAt = performance.now() + LOOK_MS;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  now(): Figures {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return {
      startedAtSeconds: this.#startedAtSeconds,
      cpuSeconds: (user + system) / 1e6,
      residentBytes: rss,
      heapBytes: heapUsed,
      openDescriptors: openDescriptors(),
      maxDescriptors: maxDescriptors(),
      loopLagSeconds: Math.max(0, ...this.#lagsMs) / 1_000,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    this.#lagsMs.push(now - this.#dueAt);
    if (this.#lagsMs.length > LOOKS) this.#lagsMs.shift();
    this.#dueAt = now + LOOK_MS;
  }
}

/** The soft limit; undefined if there is none, or it is unknown. */
export function maxDescriptors(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
