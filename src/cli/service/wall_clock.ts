import { ConfigError } from "../../config/config_error.ts";
import { type Clock, systemClock } from "../../net/clock.ts";

/**
 * The clock of the program's own checks: ms since 1970, never backwards, the same in all threads; `haste` times as
 * fast.
 */
export function wallClock(haste: number): Clock {
  return {
    now: () => haste * (performance.timeOrigin + performance.now()),
    after: (ms, then) => systemClock.after(ms / haste, then),
  };
}

/**
 * For tests, to wait less: the factor by which checks of files, routes and workers are more frequent, and
 * their results trusted sooner. It changes no deadline of a client. Throws ConfigError.
 */
export function hasteOf({ GATE46_TEST_HASTE: text }: Readonly<Record<string, string | undefined>>): number {
  if (!text) return 1;
  const haste = Number(text);
  if (!Number.isInteger(haste) || haste < 1 || haste > 100) {
    throw new ConfigError(`Cannot use GATE46_TEST_HASTE: '${text}' is not a number from 1 to 100`);
  }
  return haste;
}
