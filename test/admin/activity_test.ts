import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ActivityLog, allActivity } from "../../src/admin/activity.ts";
import type { SessionRecord } from "../../src/events.ts";
import { sessionRecord } from "../support/memory/session_record.ts";

/** A log of sessions that began one second after the other. */
function logOf(...sessions: readonly Partial<SessionRecord>[]): ActivityLog {
  const log = new ActivityLog();
  sessions.forEach((changes, place) => {
    log.listen({
      type: "session-opened",
      session: sessionRecord({ id: place + 1, startedAt: 1_000 * place, ...changes }),
    });
  });
  return log;
}

const ids = ({ sessions }: { readonly sessions: readonly { readonly id: number }[] }) => sessions.map(({ id }) => id);
const moved = (up: number) => ({ counts: { up, down: 0 } });

describe("The session activity", () => {
  test("lists all sessions up to the limit, youngest first", () => {
    const log = logOf(moved(3), moved(2), moved(1));
    assert.deepEqual(ids(log.activity(9_000, { most: 3 })), [3, 2, 1]);
    assert.equal(log.activity(9_000, { most: 3 }).sessions[0]!.ageMs, 7_000);
  });

  test("lists the youngest and the busiest sessions beyond the limit, also across threads", () => {
    const one = logOf(moved(9), moved(1), moved(8), moved(2), moved(0), moved(0));
    const activity = one.activity(9_000, { most: 4 });
    assert.deepEqual(ids(activity), [6, 5, 3, 1]);
    assert.equal(activity.sessionCount, 6);
    const other = logOf({ id: 11, ...moved(7) }, { id: 12, startedAt: 8_000 });
    const both = allActivity([activity, other.activity(9_000, { most: 4 })], 4);
    assert.deepEqual(ids(both), [12, 6, 3, 1]);
    assert.equal(both.sessionCount, 8);
  });

  test("lists the sessions that match the filter, out of all sessions", () => {
    const log = logOf(
      { username: "Ann", destination: { type: 3, host: "git.example", port: 443 } },
      { username: "ann", destination: { type: 3, host: "mail.example", port: 25 } },
      ...Array.from({ length: 100 }, () => ({ username: "bob" })),
    );
    const fitting = (filter: string) => {
      const activity = log.activity(9_000, { most: 10, filter });
      return [activity.matchCount, activity.sessions.length, activity.sessionCount];
    };
    assert.deepEqual(fitting("ANN"), [2, 2, 102]);
    assert.deepEqual(fitting("ann  :443"), [1, 1, 102]);
    assert.deepEqual(fitting("bob"), [100, 10, 102]);
    assert.deepEqual(fitting("nobody"), [0, 0, 102]);
    assert.deepEqual(fitting(" "), [102, 10, 102]);
  });

  test("keeps to the limit when all sessions moved the same number of bytes", () => {
    const log = logOf(...Array.from({ length: 9 }, () => moved(5)));
    assert.deepEqual(ids(log.activity(9_000, { most: 5 })), [9, 8, 7, 6, 5]);
    assert.deepEqual(ids(log.activity(9_000, { most: 1 })), [9]);
    assert.deepEqual(ids(log.activity(9_000, { most: 0 })), []);
  });

  test("is read in steps, and a session that ends between two steps counts once", () => {
    const username = "ann";
    const sessions = Array.from(
      { length: 1_000 },
      (_, i) => ({ id: i + 1, username, relayType: "A", ...moved(1) } as const),
    );
    const records = sessions.map((changes) => sessionRecord(changes));
    const log = logOf();
    for (const session of records) log.listen({ type: "session-opened", session });
    const whole = log.activity(9_000, { most: 10 });
    const steps = log.look(9_000, { most: 10 });
    let count = 0;
    for (;;) {
      const { done, value } = steps.next();
      if (done) {
        assert.deepEqual({ ...value.relays.A, sessions: 0 }, { ...whole.relays.A, sessions: 0 });
        assert.deepEqual([value.relays.A.total, value.sessionCount], [1_000, 1_000]);
        assert.deepEqual(value.most.users, [{ name: username, sessions: 1_000, failed: 0, up: 1_000, down: 0 }]);
        break;
      }
      count++;
      for (const session of records.splice(0, 100)) log.listen({ type: "session-closed", session });
    }
    assert.ok(count >= 4, `${count}`);
    assert.equal(log.activity(9_000, { most: 10 }).relays.A.total, 1_000);
  });

  test("has the same content as text, for any number of sessions", () => {
    for (const count of [0, 1, 250, 600]) {
      const log = logOf(...Array.from({ length: count }, (_, i) => ({ username: `"${i}`, ...moved(i) })));
      const steps = log.lookAsText(9_000, { most: 1_000 });
      let step = steps.next();
      while (!step.done) step = steps.next();
      assert.deepEqual(JSON.parse(step.value), log.activity(9_000, { most: 1_000 }));
    }
  });

  test("counts clients and failed clients", () => {
    const log = logOf({}, {});
    const session = sessionRecord({ end: "refused" });
    log.listen({ type: "session-opened", session });
    for (let i = 0; i < 2; i++) log.listen({ type: "session-closed", session });
    log.listen({ type: "client-turned-away", client: { host: "192.0.2.1", port: 1 }, reason: "too-many-sessions" });
    const activity = log.activity(0, { most: 1 });
    assert.deepEqual([activity.clients, activity.failed], [4, 3]);
    const all = allActivity([activity, activity], 1);
    assert.deepEqual([all.clients, all.failed], [8, 6]);
    assert.deepEqual(activity.failures.map(({ end, count }) => [end, count]), [["too-many-sessions", 1], [
      "refused",
      2,
    ]]);
  });
});
