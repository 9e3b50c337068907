/** The period of a quota: a day or a month in UTC, or a time in ms from the first octet. */
export type QuotaPeriod = "day" | "month" | number;

/** How many octets a user may have relayed, in both directions together, within a period. */
export interface Quota {
  /** Octets of payload. */
  readonly bytes: number;
  /** When it begins anew. */
  readonly period: QuotaPeriod;
}

/** A stretch of time (ms since 1970). */
export interface QuotaWindow {
  readonly since: number;
  /** Exclusive. */
  readonly until: number;
}

/** The stretch that `now` is in; one of a period in ms goes on where it has begun at `since`. */
export function quotaWindow(period: QuotaPeriod, now: number, since?: number): QuotaWindow {
  if (typeof period === "number") {
    const begun = since !== undefined && since <= now && now < since + period ? since : now;
    return { since: begun, until: begun + period };
  }
  const at = new Date(now);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  return period === "day"
    ? { since: Date.UTC(year, month, day), until: Date.UTC(year, month, day + 1) }
    : { since: Date.UTC(year, month), until: Date.UTC(year, month + 1) };
}
