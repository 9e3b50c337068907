import type { SessionView, Status } from "../../admin/status.ts";

/** A status of the program, and its time (ms of a monotonic clock). */
export interface Moment<S = Status> {
  readonly at: number;
  readonly status: S;
}

/** A session with its octets per second; undefined as long as they are unknown. */
export interface RatedSession extends SessionView {
  readonly upRate: number | undefined;
  readonly downRate: number | undefined;
}

/** The sessions of `now`, with their rates since `before`. */
export function ratedSessions(
  now: Moment<Pick<Status, "sessions">>,
  before: Moment<Pick<Status, "sessions">> | undefined,
): readonly RatedSession[] {
  const former = new Map(before?.status.sessions.map((session) => [session.id, session]));
  const betweenMs = before ? now.at - before.at : 0;
  return now.status.sessions.map((session) => {
    const known = former.get(session.id);
    const isNew = !known && session.ageMs <= betweenMs;
    const rate = (way: "up" | "down") =>
      betweenMs > 0 && (known || isNew) ? perSecond(session[way] - (known?.[way] ?? 0), betweenMs) : undefined;
    return { ...session, upRate: rate("up"), downRate: rate("down") };
  });
}

/** The rates of all sessions together. */
export interface Speed {
  /** Octets a second. */
  readonly up: number;
  readonly down: number;
  /** New clients per second. */
  readonly clients: number;
}

export function speedOf(now: Moment, before: Moment): Speed {
  const betweenMs = now.at - before.at;
  const sum = ({ status: { relays } }: Moment, way: "up" | "down") =>
    Object.values(relays).reduce((sum, relay) => sum + relay[way], 0);
  const way = (way: "up" | "down") => perSecond(sum(now, way) - sum(before, way), betweenMs);
  return {
    up: way("up"),
    down: way("down"),
    clients: perSecond(now.status.clients - before.status.clients, betweenMs),
  };
}

/** At least 0: the counters of a restarted program are lower. */
function perSecond(more: number, withinMs: number): number {
  return Math.max(0, more) * 1_000 / withinMs;
}
