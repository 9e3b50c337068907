import type { Clock } from "../../net/clock.ts";
import type { ByteCounts, Throttle } from "../../net/socket.ts";
import type { Counters } from "./counters.ts";

const WINDOW_MS = 1_000;

/** So far ahead of its rate a session may get (ms): what comes in bursts need not be cut up. */
const BURST_MS = 50;

/** What the sessions of one user have together. */
export interface Shared {
  readonly key: string;
  /** Bytes a second, in each direction. */
  readonly bandwidth: number;
  readonly counters: Counters;
}

/** Keeps one session to a rate of its own and to one that it shares with the user's others. */
export class Bandwidth implements Throttle {
  readonly #clock: Clock;
  readonly #own: number | undefined;
  readonly #shared: Shared | undefined;
  /** When what was moved so far would be through at the rate (ms of the clock). */
  readonly #throughAt: { up: number; down: number };

  constructor(clock: Clock, own: number | undefined, shared: Shared | undefined) {
    this.#clock = clock;
    this.#own = own;
    this.#shared = shared;
    this.#throughAt = { up: clock.now(), down: clock.now() };
  }

  take(direction: keyof ByteCounts, bytes: number): number {
    const now = this.#clock.now();
    return Math.max(this.#takeOwn(direction, bytes, now), this.#takeShared(direction, bytes, now));
  }

  /** Whether a datagram of so many bytes is within the rate; what is not is not counted. */
  passes(direction: keyof ByteCounts, bytes: number): boolean {
    const now = this.#clock.now();
    if (this.#own !== undefined && this.#throughAt[direction] > now + BURST_MS) return false;
    const { key, bandwidth, counters } = this.#shared ?? {};
    if (counters && counters.rate(`${key} ${direction}`, WINDOW_MS, now) > bandwidth!) return false;
    this.take(direction, bytes);
    return true;
  }

  #takeOwn(direction: keyof ByteCounts, bytes: number, now: number): number {
    if (this.#own === undefined) return 0;
    const throughAt = Math.max(now, this.#throughAt[direction]) + (bytes * 1_000) / this.#own;
    this.#throughAt[direction] = throughAt;
    return Math.max(0, throughAt - now - BURST_MS);
  }

  #takeShared(direction: keyof ByteCounts, bytes: number, now: number): number {
    if (!this.#shared) return 0;
    const { key, bandwidth, counters } = this.#shared;
    const moved = counters.tally(`${key} ${direction}`, WINDOW_MS, now, bytes);
    return Math.max(0, moved / bandwidth - 1) * WINDOW_MS;
  }
}
