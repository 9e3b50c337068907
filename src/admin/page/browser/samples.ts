import type { Status } from "../../status.ts";
import type { Rate } from "../rows.ts";

/** The octets per second of each session, from successive statuses. Self-contained. */
export function sampling() {
  /** Maximum time between the two statuses of a rate (s). */
  const LONGEST = 30;
  let last: Pick<Status, "upMs" | "sessions"> | undefined;
  let rates = new Map<number, Rate>();

  function smoothed(id: number, now: Rate, before: Rate | undefined, seconds: number): Rate {
    const former = rates.get(id);
    const way = (of: "up" | "down") => {
      const speed = before ? Math.max(0, now[of] - before[of]) / seconds : 0;
      const mixed = former ? (speed + former[of]) / 2 : speed;
      return mixed < 1 ? 0 : mixed;
    };
    return { up: way("up"), down: way("down") };
  }

  return {
    take(now: Status): void {
      const seconds = last ? (now.upMs - last.upMs) / 1_000 : 0;
      const before = seconds > 0 && seconds < LONGEST ? last : undefined;
      if (!before) rates.clear();
      const next = new Map<number, Rate>();
      const known = new Map(before?.sessions.map((session) => [session.id, session]));
      for (const session of before ? now.sessions : []) {
        // A new session started at 0; a session that was not listed before is measured from now on.
        const was = known.get(session.id) ?? (session.ageMs <= 1_000 * seconds ? { up: 0, down: 0 } : undefined);
        next.set(session.id, smoothed(session.id, session, was, seconds));
      }
      rates = next;
      last = now;
    },
    rate: (id: number): Rate | undefined => rates.get(id),
  };
}
