import type { Clock } from "./clock.ts";
import { NetError } from "./error.ts";
import type { ByteCounts, Preface, RelayEnd, RelayOptions, Socket } from "./socket.ts";

/** Silence before the peers of a relay are probed; short relays save that cost. */
const PROBE_AFTER_MS = 60_000;

/** The portable relay: two pumps over Socket. Half-close is passed on, and any failure is passed on as a reset, not as an end. */
export async function relay(
  client: Socket,
  destination: Socket,
  { idleMs, counts, early, ahead, preface, throttle }: RelayOptions,
  clock: Clock,
): Promise<RelayEnd> {
  let end: RelayEnd = "end";
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
  const activity = { activeAt: clock.now(), sockets: [client, destination], idle: () => stop("idle", false) };
  const watch = new IdleWatch(clock, idleMs, activity);
  const fail = (error: unknown) => {
    const kind = error instanceof NetError ? error.kind : "other";
    stop(kind === "reset" ? "reset" : "error", kind !== "closed"); // closed from outside
  };
  const rest = throttle && ((direction: keyof ByteCounts, bytes: number) => {
    const ms = throttle.take(direction, bytes);
    return ms === 0 ? undefined : pause(clock, ms, resting).then(() => void (activity.activeAt = clock.now()));
  });
  await Promise.all([
    pump(client, destination, counts, "up", activity, ended, clock, rest, early, preface?.up).catch(fail).finally(
      wakeAll,
    ),
    pump(destination, client, counts, "down", activity, ended, clock, rest, ahead, preface?.down).catch(fail).finally(
      wakeAll,
    ), // both may have been closed
  ]);
  watch.stop();
  client.close();
  destination.close();
  return end;
}

/** A relay, as seen by its idle watch. */
export interface Watched {
  /** Time of its last octets (ms of the clock). */
  readonly activeAt: number;
  readonly sockets: readonly Socket[];
  /** Called after the idle timeout. */
  idle(): void;
}

/**
 * Ends a relay that has been idle for `idleMs`, and enables keepalive on the way. One timer, moved only when it fires. It is an
 * object, not closures: closures of one function keep everything alive that any of them needs.
 */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #relay: Watched;
  #limitMs: number;
  #cancel!: () => void;

  constructor(clock: Clock, idleMs: number, relay: Watched) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#relay = relay;
    this.#limitMs = Math.min(PROBE_AFTER_MS, idleMs);
    this.#arm(this.#limitMs);
  }

  stop(): void {
    this.#cancel();
  }

  #arm(waitMs: number): void {
    this.#cancel = this.#clock.after(waitMs, () => this.#look());
  }

  #look(): void {
    const silenceMs = this.#clock.now() - this.#relay.activeAt;
    if (silenceMs >= this.#idleMs) return this.#relay.idle();
    if (this.#limitMs < this.#idleMs && silenceMs >= this.#limitMs) {
      for (const socket of this.#relay.sockets) socket.keepAlive();
      this.#limitMs = this.#idleMs;
    }
    this.#arm(this.#limitMs - silenceMs);
  }
}

/** Waits as the throttle requires; undefined if it does not. */
type Rest = (direction: keyof ByteCounts, bytes: number) => Promise<void> | undefined;

/** Resolves after `ms`, or when its entry in `resting` wakes it. */
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
  activity: { activeAt: number },
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
    activity.activeAt = clock.now();
    const resting = rest?.(direction, chunk.length);
    if (resting) await resting;
  }
  if (preface && !preface.done) await put(preface.end());
  if (ended.count++ === 0 && !preface?.holdsEnd) await to.closeWrite(); // after the second end, close() follows
}
