import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Series, series } from "../../../src/admin/history/series.ts";
import { ThreadCounts } from "../../../src/admin/history/thread_counts.ts";
import type { SessionEnd, SessionRecord } from "../../../src/events.ts";
import { sessionRecord } from "../../support/memory/session_record.ts";

function start() {
  const live = new Set<SessionRecord>();
  const counts = new ThreadCounts(live);
  return {
    open(changes: Partial<SessionRecord>) {
      const session = sessionRecord(changes);
      live.add(session);
      counts.listen({ type: "session-opened", session });
      return session;
    },
    close(session: SessionRecord) {
      live.delete(session);
      counts.listen({ type: "session-closed", session });
    },
    listen: counts.listen,
    /** What is not nothing. */
    taken(): Partial<Record<Series, number>> {
      const taken = counts.take();
      return Object.fromEntries(series.flatMap((name, place) => taken[place] ? [[name, taken[place]]] : []));
    },
  };
}

describe("The counts of a thread since the last request", () => {
  test("include the bytes of ended and open sessions, each byte once", () => {
    const { open, close, taken } = start();
    const session = open({ relayType: "C", counts: { up: 10, down: 200 } });
    assert.deepEqual(taken(), { "C-up": 10, "C-down": 200, clients: 1, sessions: 1 });
    session.counts.up += 5;
    assert.deepEqual(taken(), { "C-up": 5, sessions: 1 });
    session.counts.down += 7;
    close(session);
    assert.deepEqual(taken(), { "C-down": 7 });
    assert.deepEqual(taken(), {});
  });

  test("include the total and the longest time of dials and DNS queries", () => {
    const { open, close, listen, taken } = start();
    for (const dialMs of [5, 40]) close(open({ dialMs }));
    listen({ type: "dns-asked", by: "system", outcome: "found", ms: 3 });
    assert.deepEqual(taken(), {
      clients: 2,
      dials: 2,
      dialMs: 45,
      longestDialMs: 40,
      names: 1,
      nameMs: 3,
      longestNameMs: 3,
    });
    close(open({ dialMs: 1 }));
    assert.deepEqual(taken(), { clients: 1, dials: 1, dialMs: 1, longestDialMs: 1 });
  });

  test("separate the kinds of failures", () => {
    const { open, close, listen, taken } = start();
    const failed = (end: SessionEnd, reply?: number) => close(open({ end, ...reply !== undefined && { reply } }));
    failed("refused", 2);
    for (const reply of [3, 4, 5, 6, 8]) failed("refused", reply);
    for (const end of ["authentication-failed", "no-acceptable-method"] as const) failed(end);
    for (const end of ["protocol-error", "handshake-timeout", "fault", "error"] as const) failed(end);
    failed("refused", 1);
    for (const end of ["end", "idle", "reset", "client-left", "drained", "ended-by-operator"] as const) failed(end);
    listen({ type: "client-turned-away", client: { host: "192.0.2.1", port: 1 }, reason: "too-many-sessions" });
    assert.deepEqual(taken(), {
      clients: 20,
      refused: 1,
      unreachable: 5,
      password: 2,
      broken: 5,
      "turned-away": 1,
    });
  });
});
