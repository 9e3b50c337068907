import { household } from "../../protocol/ip/household.ts";
import { parseIp } from "../../protocol/address.ts";
import type { Clock } from "../../net/clock.ts";
import type { GatewaySettings } from "../settings.ts";
import type { Counters } from "./counters.ts";

/** How long a wrong password counts. */
const MEMORY_MS = 60_000;

/** The first failures of a client are answered at once; each further one adds to the delay, up to a bound (ms). */
const PATIENCE = 3, DELAY_MS = 500, MAX_DELAY_MS = 5_000;

/** How many wrong passwords a client may try. */
export type FailureSettings = Pick<GatewaySettings, "maxFailures" | "failuresExempt">;

/** Wrong passwords, by client and by user. One thread counts them; all threads may read. */
export class Failures {
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #settings: FailureSettings;

  constructor(counters: Counters, clock: Clock, settings: FailureSettings) {
    this.#counters = counters;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** True if the client at that address has any. */
  hasAny(host: string): boolean {
    return this.#counters.rate(ofClient(host), MEMORY_MS, this.#clock.now()) > 0;
  }

  /** True if there are so many that further passwords are not checked. */
  areTooMany(host: string): boolean {
    const { maxFailures, failuresExempt } = this.#settings;
    if (this.#counters.rate(ofClient(host), MEMORY_MS, this.#clock.now()) < maxFailures) return false;
    const octets = parseIp(host);
    return !octets || !failuresExempt.some((prefix) => prefix.contains(octets));
  }

  /** Adds one; returns the delay of its answer (ms). */
  add(host: string, user: string): number {
    const now = this.#clock.now();
    this.#counters.tally(ofUser(host, user), MEMORY_MS, now);
    const failures = this.#counters.tally(ofClient(host), MEMORY_MS, now);
    return Math.min(Math.max(0, Math.floor(failures) - PATIENCE) * DELAY_MS, MAX_DELAY_MS);
  }

  /** Clears those of a user who has logged in. */
  forgive(host: string, user: string): void {
    if (!this.hasAny(host)) return;
    this.#counters.forget(ofUser(host, user), ofClient(host), MEMORY_MS, this.#clock.now());
  }
}

function ofClient(host: string): string {
  return `failures ${household(host)}`;
}

function ofUser(host: string, user: string): string {
  return `${ofClient(host)} ${user}`;
}
