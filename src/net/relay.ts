import type { Clock } from "./clock.ts";
import { NetError } from "./error.ts";
import type { ByteCounts, RelayEnd, RelayOptions, Socket } from "./socket.ts";

/** The portable relay: two pumps over Socket. Half-close is passed on, a reset as a reset. */
export async function relay(
  client: Socket,
  destination: Socket,
  { idleMs, counts }: RelayOptions,
  clock: Clock,
): Promise<RelayEnd> {
  let end: RelayEnd = "end";
  const activity = { at: clock.now() };
  const stop = (how: RelayEnd) => {
    if (end !== "end") return;
    end = how;
    for (const socket of [client, destination]) how === "reset" ? socket.reset() : socket.close();
  };
  const stopIdle = whenIdle(clock, idleMs, activity, () => stop("idle"));
  const fail = (error: unknown) => stop(error instanceof NetError && error.kind === "reset" ? "reset" : "error");
  await Promise.all([
    pump(client, destination, counts, "up", activity, clock).catch(fail),
    pump(destination, client, counts, "down", activity, clock).catch(fail),
  ]);
  stopIdle();
  client.close();
  destination.close();
  return end;
}

/** Calls `then` once nothing was noted in `activity` for `ms`; one timer, moved only when it fires. */
export function whenIdle(clock: Clock, ms: number, activity: { at: number }, then: () => void): () => void {
  let cancel = () => {};
  const arm = (wait: number) => {
    cancel = clock.after(wait, () => {
      const left = activity.at + ms - clock.now();
      if (left <= 0) then();
      else arm(left);
    });
  };
  arm(ms);
  return () => cancel();
}

async function pump(
  from: Socket,
  to: Socket,
  counts: ByteCounts,
  direction: keyof ByteCounts,
  activity: { at: number },
  clock: Clock,
): Promise<void> {
  for (let chunk = await from.read(); chunk !== null; chunk = await from.read()) {
    await to.write(chunk);
    counts[direction] += chunk.length;
    activity.at = clock.now();
  }
  await to.closeWrite();
}
