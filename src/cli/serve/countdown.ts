import type { Emit } from "../../events.ts";
import type { Clock } from "../../net/clock.ts";
import type { Running } from "./running.ts";

/** Interval of logging the time left for sessions to end (ms). */
const COUNT_DOWN_MS = 5_000;

/** Emits the time left for sessions to end, every COUNT_DOWN_MS. Returns a function that stops it. */
export function countDown(running: Running, emit: Emit, clock: Clock): () => void {
  let cancel = () => {};
  const tellLater = () => void (cancel = clock.after(COUNT_DOWN_MS, tell));
  const tell = () => {
    emit({ type: "draining", sessions: running.health().sessions, deadlineMs: running.drainsForMs ?? 0 });
    tellLater();
  };
  tellLater();
  return () => cancel();
}
