import type { Clock } from "./clock.ts";
import { NetError } from "./error.ts";
import type { ByteCounts, RelayEnd, RelayOptions, Socket } from "./socket.ts";

/** A relay silent for so long has its peers probed; a short one need not pay for that. */
const PROBE_AFTER_MS = 60_000;

/** The portable relay: two pumps over Socket. Half-close is passed on, a reset as a reset. */
export async function relay(
  client: Socket,
  destination: Socket,
  { idleMs, counts, early }: RelayOptions,
  clock: Clock,
): Promise<RelayEnd> {
  let end: RelayEnd = "end";
  const activity = { at: clock.now() };
  const ended = { count: 0 };
  const stop = (how: RelayEnd) => {
    if (end !== "end") return;
    end = how;
    for (const socket of [client, destination]) how === "reset" ? socket.reset() : socket.close();
  };
  const stopIdle = watchIdle(clock, idleMs, activity, [client, destination], () => stop("idle"));
  const fail = (error: unknown) => stop(error instanceof NetError && error.kind === "reset" ? "reset" : "error");
  await Promise.all([
    pump(client, destination, counts, "up", activity, ended, clock, early).catch(fail),
    pump(destination, client, counts, "down", activity, ended, clock).catch(fail),
  ]);
  stopIdle();
  client.close();
  destination.close();
  return end;
}

/**
 * Calls `idle` once nothing was noted in `activity` for `idleMs`, and on the way has the kernel look whether the peers are
 * still there. One timer, moved only when it fires.
 */
export function watchIdle(
  clock: Clock,
  idleMs: number,
  activity: { at: number },
  sockets: readonly Socket[],
  idle: () => void,
): () => void {
  let limit = Math.min(PROBE_AFTER_MS, idleMs);
  let cancel = () => {};
  const arm = (wait: number) => {
    cancel = clock.after(wait, () => {
      const silence = clock.now() - activity.at;
      if (silence >= idleMs) return idle();
      if (limit < idleMs && silence >= limit) {
        for (const socket of sockets) socket.keepAlive();
        limit = idleMs;
      }
      arm(limit - silence);
    });
  };
  arm(limit);
  return () => cancel();
}

async function pump(
  from: Socket,
  to: Socket,
  counts: ByteCounts,
  direction: keyof ByteCounts,
  activity: { at: number },
  ended: { count: number },
  clock: Clock,
  early?: Uint8Array,
): Promise<void> {
  for (let chunk = early ?? await from.read(); chunk !== null; chunk = await from.read()) {
    await to.write(chunk);
    counts[direction] += chunk.length;
    activity.at = clock.now();
  }
  if (ended.count++ === 0) await to.closeWrite(); // the second end is followed by close()
}
