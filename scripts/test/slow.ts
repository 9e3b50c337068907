import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nameOf, type Run } from "./plan.ts";
import type { Times } from "./times.ts";
import type { Reach } from "./touched.ts";

/** The function by which a case says that it is slow, and where it is defined. */
const MARK = /\b(?:slow\(|tooSlow\b)/, DEFINED = "test/support/program/skipped.ts";

export interface SlowOptions {
  readonly root: string;
  readonly reach: Reach;
  readonly times: Times;
  /** Whether slow cases of that run have to be run. */
  readonly isWanted: (run: Run) => boolean;
  /** Others run where they are expected to end within so many minutes; never where it is undefined. */
  readonly minutes: number | undefined;
}

/** Slow cases stand in files beside others: which files have some, and whether those run this time. */
export class SlowCases {
  readonly #options: SlowOptions;

  constructor(options: SlowOptions) {
    this.#options = options;
  }

  isIn({ file }: Run): boolean {
    const { root, reach } = this.#options;
    return reach.codeOf(file).some((path) => path !== DEFINED && MARK.test(readFileSync(join(root, path), "utf8")));
  }

  /** Whether it depends on the time that is left. */
  isLeisurely(run: Run): boolean {
    return this.#options.minutes !== undefined && this.isIn(run) && !this.#options.isWanted(run);
  }

  /** What GATE46_SLOW says to the tests of `run`: "1", or why their slow cases do not run. */
  told(run: Run, elapsedMs: number): string {
    const { isWanted, minutes, times } = this.#options;
    if (!this.isIn(run) || isWanted(run)) return "1";
    if (minutes === undefined) return "it is slow; sh scripts/test.sh --all runs it";
    const expectedMs = 1_000 * times.seconds(nameWithSlow(run));
    if (elapsedMs + expectedMs <= 60_000 * minutes) return "1";
    return `it is slow, and no time is left in ${minutes} minutes; sh scripts/test.sh --all runs it`;
  }
}

/** What a run is known by to Times where it has slow cases and they run. */
export function nameWithSlow(run: Run): string {
  return `${nameOf(run)} (slow)`;
}
