import type { Clock } from "../../net/clock.ts";
import type { Budget } from "../settings.ts";
import { Bandwidth } from "./bandwidth.ts";
import type { Counters } from "./counters.ts";

const SECOND_MS = 1_000;

/** What one session holds of what it shares with others: of its way in, its user, and the rules that let it through. */
export class Shares {
  readonly #counters: Counters;
  readonly #clock: Clock;
  /** Made when there is something: most sessions share nothing. */
  #joined: Set<string> | undefined;
  #held: string[] | undefined;
  #bandwidth: Bandwidth | undefined;

  /** `own` is the rate of the session by itself. */
  constructor(counters: Counters, clock: Clock, own: number | undefined) {
    this.#counters = counters;
    this.#clock = clock;
    if (own !== undefined) this.#bandwidth = new Bandwidth(clock, own);
  }

  /** Keeps the session to all rates that it has come to so far; undefined where there is none. */
  get bandwidth(): Bandwidth | undefined {
    return this.#bandwidth;
  }

  /** Takes part, once, in what sessions under `key` have together; or says why not. */
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

  /** Gives all back: the session is over. */
  leave(): void {
    for (const key of this.#held ?? []) this.#counters.release(key);
    this.#held = undefined;
  }
}
