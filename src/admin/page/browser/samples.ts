import type { RelayType } from "../../../events.ts";
import type { Status } from "../../status.ts";
import type { Rate } from "../rows.ts";

/** What is moved in a second, and how that was lately: from what was counted by and by. It needs nothing outside of itself. */
export function sampling() {
  /** Samples that are drawn, and those that counts of clients are about. */
  const DRAWN = 120, RECENT = 60;
  /** Counts that are so far apart (s) say nothing about now. */
  const LONGEST = 30;
  let last: Status | undefined;
  let rates = new Map<string | number, Rate>();
  const past = new Map<string, number[]>();
  let counts: Pick<Status, "upMs" | "clients" | "failed">[] = [];

  function smoothed(name: string | number, now: Rate, before: Rate | undefined, seconds: number): Rate {
    const former = rates.get(name);
    const way = (of: "up" | "down") => {
      // What a worker counted since it was last asked is lost where it dies.
      const speed = before ? Math.max(0, now[of] - before[of]) / seconds : 0;
      const mixed = former ? (speed + former[of]) / 2 : speed;
      return mixed < 1 ? 0 : mixed;
    };
    return { up: way("up"), down: way("down") };
  }

  function remember(name: string, { up, down }: Rate): void {
    past.set(name, [...past.get(name) ?? [], up + down].slice(-DRAWN));
  }

  return {
    drawn: DRAWN,
    take(now: Status): void {
      const seconds = last ? (now.upMs - last.upMs) / 1_000 : 0;
      if (seconds < 0) {
        past.clear(); // another program
        counts = [];
      }
      const before = seconds > 0 && seconds < LONGEST ? last : undefined;
      if (!before) rates.clear();
      const next = new Map<string | number, Rate>();
      const known = new Map(before?.sessions.map((session) => [session.id, session]));
      for (const session of before ? now.sessions : []) {
        // One that has come since had moved nothing; one that was not shown is measured from now on.
        const was = known.get(session.id) ?? (session.ageMs <= 1_000 * seconds ? { up: 0, down: 0 } : undefined);
        next.set(session.id, smoothed(session.id, session, was, seconds));
      }
      const all = { up: 0, down: 0 };
      for (const [type, relay] of Object.entries(now.relays)) {
        const rate = smoothed(type, relay, before?.relays[type as RelayType], seconds);
        next.set(type, rate);
        remember(type, rate);
        all.up += rate.up;
        all.down += rate.down;
      }
      next.set("all", all);
      remember("all", all);
      rates = next;
      const { upMs, clients, failed } = now;
      counts = [...counts, { upMs, clients, failed }].slice(-RECENT);
      last = now;
    },
    /** Of a session, by its number, a relay type, or "all". */
    rate: (of: string | number): Rate | undefined => rates.get(of),
    past: (of: string): readonly number[] => past.get(of) ?? [],
    /** Clients that came in the last minute or since the page was opened, how long that is, and those that failed. */
    recent() {
      const [first, now] = [counts[0]!, counts.at(-1)!];
      return {
        seconds: (now.upMs - first.upMs) / 1_000,
        clients: now.clients - first.clients,
        failed: now.failed - first.failed,
      };
    },
  };
}
