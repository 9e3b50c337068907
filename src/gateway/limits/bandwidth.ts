import type { Clock } from "../../net/clock.ts";
import type { ByteCounts, Throttle } from "../../net/socket.ts";
import type { Counters } from "./counters.ts";

const WINDOW_MS = 1_000;

/** How far a session may get ahead of its rate (ms), so that bursts pass in one piece. */
const BURST_MS = 50;

/** A rate that several sessions share. */
export interface Shared {
  readonly key: string;
  /** Bytes a second, in each direction. */
  readonly bandwidth: number;
  readonly counters: Counters;
}

/** Limits one session to its own rate and to the shared ones. */
export class Bandwidth implements Throttle {
  readonly #clock: Clock;
  readonly #own: number | undefined;
  readonly #shared: Shared[] = [];
  /** When the octets so far would have passed at the rate (ms of the clock). */
  readonly #throughAt: { up: number; down: number };

  constructor(clock: Clock, own: number | undefined) {
    this.#clock = clock;
    this.#own = own;
    this.#throughAt = { up: clock.now(), down: clock.now() };
  }

  share(shared: Shared): void {
    this.#shared.push(shared);
  }

  take(direction: keyof ByteCounts, bytes: number): number {
    const now = this.#clock.now();
    let waitMs = this.#takeOwn(direction, bytes, now);
    for (const shared of this.#shared) waitMs = Math.max(waitMs, takeShared(shared, direction, bytes, now));
    return waitMs;
  }

  /** True if a datagram of so many bytes is within the rate; otherwise it is not counted. */
  passes(direction: keyof ByteCounts, bytes: number): boolean {
    const now = this.#clock.now();
    if (this.#own !== undefined && this.#throughAt[direction] > now + BURST_MS) return false;
    for (const { key, bandwidth, counters } of this.#shared) {
      if (counters.rate(`${key} ${direction}`, WINDOW_MS, now) > bandwidth) return false;
    }
    this.take(direction, bytes);
    return true;
  }

  #takeOwn(direction: keyof ByteCounts, bytes: number, now: number): number {
    if (this.#own === undefined) return 0;
    const throughAt = Math.max(now, this.#throughAt[direction]) + (bytes * 1_000) / this.#own;
    this.#throughAt[direction] = throughAt;
    return Math.max(0, throughAt - now - BURST_MS);
  }
}

function takeShared(
  { key, bandwidth, counters }: Shared,
  direction: keyof ByteCounts,
  bytes: number,
  now: number,
): number {
  const moved = counters.tally(`${key} ${direction}`, WINDOW_MS, now, bytes);
  return Math.max(0, moved / bandwidth - 1) * WINDOW_MS;
}
