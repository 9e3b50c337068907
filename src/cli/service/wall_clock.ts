import { ConfigError } from "../../config/config_error.ts";
import { type Clock, systemClock } from "../../net/clock.ts";

/**
 * By which the program looks after itself: ms since 1970 that never run backwards, the same in all threads; `haste` times as
 * fast.
 */
export function wallClock(haste: number): Clock {
  return {
    now: () => haste * (performance.timeOrigin + performance.now()),
    after: (ms, then) => systemClock.after(ms / haste, then),
  };
}

/**
 * For tests, that need not wait for as long as operators do: how many times sooner the program looks at files, routes and
 * workers, and believes what it sees. No deadline of a client is another by that. Throws ConfigError.
 */
export function hasteOf({ GATE46_TEST_HASTE: text }: Readonly<Record<string, string | undefined>>): number {
  if (!text) return 1;
  const haste = Number(text);
  if (!Number.isInteger(haste) || haste < 1 || haste > 100) {
    throw new ConfigError(`Cannot use GATE46_TEST_HASTE: '${text}' is none of 1 to 100`);
  }
  return haste;
}
