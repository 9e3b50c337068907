import type { Clock } from "./clock.ts";
import { NetError } from "./error.ts";
import type { ByteCounts, Preface, RelayEnd, RelayOptions, Socket } from "./socket.ts";

/** A relay silent for so long has its peers probed; a short one need not pay for that. */
const PROBE_AFTER_MS = 60_000;

/** The portable relay: two pumps over Socket. Half-close is passed on, and any failure as a reset: it is no end of what was said. */
export async function relay(
  client: Socket,
  destination: Socket,
  { idleMs, counts, early, ahead, preface, throttle }: RelayOptions,
  clock: Clock,
): Promise<RelayEnd> {
  let end: RelayEnd = "end";
  const activity = { at: clock.now() };
  const ended = { count: 0 };
  const resting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of resting) wake();
  };
  const stop = (how: RelayEnd, abrupt: boolean) => {
    if (end !== "end") return;
    end = how;
    wakeAll();
    for (const socket of [client, destination]) abrupt ? socket.reset() : socket.close();
  };
  const stopIdle = watchIdle(clock, idleMs, activity, [client, destination], () => stop("idle", false));
  const fail = (error: unknown) => {
    const kind = error instanceof NetError ? error.kind : "other";
    stop(kind === "reset" ? "reset" : "error", kind !== "closed"); // closed from outside
  };
  const rest = throttle && ((direction: keyof ByteCounts, bytes: number) => {
    const ms = throttle.take(direction, bytes);
    return ms === 0 ? undefined : pause(clock, ms, resting).then(() => void (activity.at = clock.now()));
  });
  await Promise.all([
    pump(client, destination, counts, "up", activity, ended, clock, rest, early, preface?.up).catch(fail).finally(
      wakeAll,
    ),
    pump(destination, client, counts, "down", activity, ended, clock, rest, ahead, preface?.down).catch(fail).finally(
      wakeAll,
    ), // both may have been closed
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

/** Waits as the throttle wants; undefined where it does not. */
type Rest = (direction: keyof ByteCounts, bytes: number) => Promise<void> | undefined;

/** Resolves after `ms`, or when it is waked by its entry in `resting`. */
function pause(clock: Clock, ms: number, resting: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      cancel();
      resting.delete(wake);
      resolve();
    };
    const cancel = clock.after(ms, wake);
    resting.add(wake);
  });
}

async function pump(
  from: Socket,
  to: Socket,
  counts: ByteCounts,
  direction: keyof ByteCounts,
  activity: { at: number },
  ended: { count: number },
  clock: Clock,
  rest: Rest | undefined,
  early?: Uint8Array,
  preface?: Preface,
): Promise<void> {
  const put = async (bytes: Uint8Array) => {
    if (bytes.length > 0) await to.write(bytes);
    counts[direction] += bytes.length;
  };
  for (let chunk = early ?? await from.read(); chunk !== null; chunk = await from.read()) {
    if (preface && !preface.done) await put(preface.take(chunk));
    else {
      await to.write(chunk);
      counts[direction] += chunk.length;
    }
    activity.at = clock.now();
    const resting = rest?.(direction, chunk.length);
    if (resting) await resting;
  }
  if (preface && !preface.done) await put(preface.end());
  if (ended.count++ === 0 && !preface?.holdsEnd) await to.closeWrite(); // the second end is followed by close()
}
