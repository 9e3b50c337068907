import type { Clock } from "../../net/clock.ts";
import type { Budget } from "../settings.ts";
import { Bandwidth } from "./bandwidth.ts";
import type { Counters } from "./counters.ts";

const SECOND_MS = 1_000;

/** What one session holds of shared limits: of its [[access]] entry, its user, and the rules that allowed it. */
export class Shares {
  readonly #counters: Counters;
  readonly #clock: Clock;
  /** Made on first use: most sessions share nothing. */
  #joined: Set<string> | undefined;
  #held: string[] | undefined;
  #bandwidth: Bandwidth | undefined;

  /** `own` is the session's own rate. */
  constructor(counters: Counters, clock: Clock, own: number | undefined) {
    this.#counters = counters;
    this.#clock = clock;
    if (own !== undefined) this.#bandwidth = new Bandwidth(clock, own);
  }

  /** Limits the session to all its rates so far; undefined if there is none. */
  get bandwidth(): Bandwidth | undefined {
    return this.#bandwidth;
  }

  /** Joins, once, the limits that sessions under `key` share; or returns the reason why not. */
  join(key: string, { bandwidth, maxSessions, maxRate }: Budget): string | undefined {
    if (this.#joined?.has(key)) return undefined;
    const counters = this.#counters;
    if (maxRate !== undefined && counters.tally(`rate ${key}`, SECOND_MS, this.#clock.now()) > maxRate) {
      return "too many new sessions";
    }
    if (maxSessions !== undefined) {
      if (!counters.hold(key, maxSessions)) return "too many sessions";
      (this.#held ??= []).push(key);
    }
    (this.#joined ??= new Set()).add(key);
    if (bandwidth !== undefined) {
      this.#bandwidth ??= new Bandwidth(this.#clock, undefined);
      this.#bandwidth.share({ key: `bytes ${key}`, bandwidth, counters });
    }
    return undefined;
  }

  /** Releases all shares at the end of the session. */
  leave(): void {
    for (const key of this.#held ?? []) this.#counters.release(key);
    this.#held = undefined;
  }
}
