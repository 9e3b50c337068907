import { type Clock, systemClock } from "../../net/clock.ts";

/** Ms since 1970 that never run backwards, the same in all threads. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

export const wallClock: Clock = { ...systemClock, now: wallMs };
