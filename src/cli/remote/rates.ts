import type { SessionView, Status } from "../../admin/status.ts";

/** What the program said, and when (ms of a clock that only goes forward). */
export interface Moment<S = Status> {
  readonly at: number;
  readonly status: S;
}

/** A session with its octets a second; undefined as long as nobody can know. */
export interface RatedSession extends SessionView {
  readonly upRate: number | undefined;
  readonly downRate: number | undefined;
}

/** The sessions of `now`, with what they have moved since `before`. */
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

/** What all together do. */
export interface Speed {
  /** Octets a second. */
  readonly up: number;
  readonly down: number;
  /** Clients a second that come. */
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

/** A program that was started anew has counted less. */
function perSecond(more: number, withinMs: number): number {
  return Math.max(0, more) * 1_000 / withinMs;
}
