import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";

/** A connection that is silent for so long may have died (ms). */
const AGAIN_MS = 1_000;

/**
 * The answer of `first`, over a kept connection; or of `second`, over a new one, once the first has failed or is silent
 * for a second. The first answer counts, and the other call is cancelled.
 */
export function askTwice<T>(
  clock: Clock,
  cut: Cut,
  first: (cut: Cut) => Promise<T>,
  isSilent: () => boolean,
  second: (cut: Cut) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const over = new Cut();
    const release = cut.on(() => over.make());
    let running = 1, isLast = false;
    const finish = () => {
      cancel();
      release();
      over.make();
    };
    const won = (answer: T) => {
      finish();
      resolve(answer);
    };
    const lost = (error: unknown) => {
      running--;
      if (!isLast && !cut.made) return again();
      if (running > 0) return;
      finish();
      reject(error);
    };
    const again = () => {
      isLast = true;
      running++;
      second(over).then(won, lost);
    };
    const cancel = clock.after(AGAIN_MS, () => {
      if (!isLast && isSilent()) again();
    });
    first(over).then(won, lost);
  });
}
