import type { Emit } from "../../events.ts";
import type { Clock } from "../../net/clock.ts";
import type { Running } from "./running.ts";

/** How often the log says how long sessions have to end yet (ms). */
const COUNT_DOWN_MS = 5_000;

/** Says every so often how long sessions have to end yet. Returns how to end it. */
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
