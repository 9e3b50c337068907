import type { Emit, RelayType, SessionRecord } from "../../events.ts";
import { failureKind } from "../failure_kind.ts";
import { amounts, placeOf, series } from "./series.ts";

const moved: Readonly<Record<RelayType, number>> = {
  A: placeOf["A-up"],
  B: placeOf["B-up"],
  C: placeOf["C-up"],
  D: placeOf["D-up"],
};

/** Counts the events of one thread, and returns the counts since the last call. */
export class ThreadCounts {
  readonly #live: ReadonlySet<SessionRecord>;
  /** Counts of what has ended. */
  readonly #counts = new Float64Array(series.length);
  /** The totals at the last call. */
  readonly #told = new Float64Array(series.length);

  /** `live` are the current sessions; an ended session is removed from them before its event arrives here. */
  constructor(live: ReadonlySet<SessionRecord>) {
    this.#live = live;
  }

  readonly listen: Emit = (event) => {
    const counts = this.#counts;
    switch (event.type) {
      case "session-opened":
        counts[placeOf.clients]!++;
        break;
      case "session-closed":
        this.#close(event.session);
        break;
      case "client-turned-away":
        counts[placeOf.clients]!++;
        counts[placeOf["turned-away"]]!++;
        break;
      case "dns-asked":
        counts[placeOf.names]!++;
        counts[placeOf.nameMs]! += event.ms;
        if (event.ms > counts[placeOf.longestNameMs]!) counts[placeOf.longestNameMs] = event.ms;
        break;
    }
  };

  /** The counts since the last call, in the order of series. */
  take(): Float64Array<ArrayBuffer> {
    const all = this.#counts.slice();
    for (const { relayType, counts: { up, down } } of this.#live) {
      if (relayType === undefined) continue;
      const place = moved[relayType];
      all[place]! += up;
      all[place + 1]! += down;
    }
    const taken = all.map((value, place) => place < amounts.length ? value - this.#told[place]! : value);
    taken[placeOf.sessions] = this.#live.size;
    this.#told.set(all);
    this.#counts.fill(0, amounts.length); // maxima count since the last call only
    return taken;
  }

  #close(session: SessionRecord): void {
    const { relayType, counts: { up, down }, dialMs } = session;
    const counts = this.#counts;
    if (relayType !== undefined) {
      const place = moved[relayType];
      counts[place]! += up;
      counts[place + 1]! += down;
    }
    if (dialMs !== undefined) {
      counts[placeOf.dials]!++;
      counts[placeOf.dialMs]! += dialMs;
      if (dialMs > counts[placeOf.longestDialMs]!) counts[placeOf.longestDialMs] = dialMs;
    }
    const kind = failureKind(session);
    if (kind) counts[placeOf[kind]]!++;
  }
}
