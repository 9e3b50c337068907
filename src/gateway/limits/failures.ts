import { household } from "../../protocol/ip/household.ts";
import { parseIp } from "../../protocol/address.ts";
import type { Clock } from "../../net/clock.ts";
import type { GatewaySettings } from "../settings.ts";
import type { Counters } from "./counters.ts";

/** Wrong passwords are remembered for so long. */
const MEMORY_MS = 60_000;

/** So many of a client's are answered at once; each one more adds to the wait for the answer, up to a bound (ms). */
const PATIENCE = 3, DELAY_MS = 500, MAX_DELAY_MS = 5_000;

/** How many wrong passwords a client may try. */
export type FailureSettings = Pick<GatewaySettings, "maxFailures" | "failuresExempt">;

/** Wrong passwords, by the client they came from and the user they were tried for. One thread counts, and all may ask. */
export class Failures {
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #settings: FailureSettings;

  constructor(counters: Counters, clock: Clock, settings: FailureSettings) {
    this.#counters = counters;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Whether there are any of the client at that address. */
  hasAny(host: string): boolean {
    return this.#counters.rate(ofClient(host), MEMORY_MS, this.#clock.now()) > 0;
  }

  /** Whether there are so many that no more are tried. */
  areTooMany(host: string): boolean {
    const { maxFailures, failuresExempt } = this.#settings;
    if (this.#counters.rate(ofClient(host), MEMORY_MS, this.#clock.now()) < maxFailures) return false;
    const octets = parseIp(host);
    return !octets || !failuresExempt.some((prefix) => prefix.contains(octets));
  }

  /** Notes one more; how long its answer has to wait (ms). */
  add(host: string, user: string): number {
    const now = this.#clock.now();
    this.#counters.tally(ofUser(host, user), MEMORY_MS, now);
    const failures = this.#counters.tally(ofClient(host), MEMORY_MS, now);
    return Math.min(Math.max(0, Math.floor(failures) - PATIENCE) * DELAY_MS, MAX_DELAY_MS);
  }

  /** Forgets those of that user, who knows the password. */
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
