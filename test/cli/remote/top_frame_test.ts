import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionView, Status } from "../../../src/admin/status.ts";
import { ratedSessions, speedOf } from "../../../src/cli/remote/rates.ts";
import { sessionTable } from "../../../src/cli/remote/session_table.ts";
import { statusLines } from "../../../src/cli/remote/status_command.ts";
import { orderOf, topFrame } from "../../../src/cli/remote/top_frame.ts";
import { orderNames } from "../../../src/cli/remote/orders.ts";

function session(id: number, more: Partial<SessionView> = {}): SessionView {
  return {
    id,
    client: `192.0.2.${id}:1000`,
    ageMs: 60_000,
    up: 0,
    down: 0,
    datagramsUp: 0,
    datagramsDown: 0,
    ...more,
  };
}

const relay = { sessions: 0, total: 0, up: 0, down: 0 };
const well = { ok: true };

function status(sessions: readonly SessionView[], more: Partial<Status> = {}): Status {
  return {
    version: "1.0.0",
    engine: "linux",
    workers: 2,
    upMs: 3_600_000,
    listeners: ["127.0.0.1:1080"],
    upstreams: [],
    certificates: [],
    parts: {
      listeners: well,
      workers: well,
      resolver: well,
      ipv4Egress: well,
      ipv6Egress: well,
      upstreams: { ok: true, chains: [] },
      draining: false,
    },
    sessionCount: sessions.length,
    matchCount: sessions.length,
    sessions,
    failures: [],
    relays: { A: relay, B: relay, C: relay, D: relay },
    clients: 100,
    failed: 3,
    failedBy: { refused: 1, password: 1, unreachable: 1, broken: 0, "turned-away": 0 },
    most: { clients: [], users: [], destinations: [] },
    wrong: [],
    rules: { count: 0, neverHit: 0, rules: [] },
    room: { openDescriptors: undefined, maxDescriptors: undefined, usedMemory: undefined, memory: undefined },
    maxSessions: 10_000,
    reload: { generation: 1, at: "1970-01-01T00:00:00.000Z", problems: [] },
    drainMs: 30_000,
    ...more,
  };
}

const moment = (at: number, sessions: readonly SessionView[], more: Partial<Status> = {}) => ({
  at,
  status: status(sessions, more),
});

test("the rate of a session covers the time between two samples, or since its start", () => {
  const before = moment(1_000, [session(1, { up: 100 }), session(2, { down: 7 })]);
  const now = moment(3_000, [
    session(1, { up: 1_100 }),
    session(2, { down: 7 }),
    session(3, { up: 500, ageMs: 1_500 }),
    session(4, { up: 500, ageMs: 9_000 }), // it was there, but not among those that were told
  ]);
  assert.deepEqual(ratedSessions(now, before).map(({ upRate, downRate }) => [upRate, downRate]), [
    [500, 0],
    [0, 0],
    [250, 0],
    [undefined, undefined],
  ]);
  assert.deepEqual(ratedSessions(now, undefined).map(({ upRate }) => upRate), Array(4).fill(undefined));
});

test("total rates cover relay types and clients, and are not negative after a restart", () => {
  const at = (at: number, up: number, clients: number) =>
    moment(at, [], { clients, relays: { A: { ...relay, up }, B: relay, C: relay, D: { ...relay, down: up * 2 } } });
  assert.deepEqual(speedOf(at(3_000, 5_000, 110), at(1_000, 1_000, 100)), { up: 2_000, down: 4_000, clients: 5 });
  assert.deepEqual(speedOf(at(3_000, 0, 1), at(1_000, 1_000, 100)), { up: 0, down: 0, clients: 0 });
});

test("a table has readable numbers, and no control characters", () => {
  const [head, row, ...rest] = sessionTable([{
    ...session(7, { user: "a\x1b[2J\u202e\u2028b", via: "192.0.2.9:1080", relay: "B", up: 1_234_567, down: 12 }),
    upRate: 1_500,
    downRate: undefined,
  }]);
  assert.equal(
    head,
    "ID  CLIENT          USER      COMMAND  DESTINATION  VIA             TYPE    AGE      UP  DOWN    UP/s  DOWN/s",
  );
  assert.equal(
    row,
    "7   192.0.2.7:1000  a?[2J??b  -        -            192.0.2.9:1080  B     1 min  1.2 MB  12 B  1.5 kB       -",
  );
  assert.deepEqual(rest, []);
});

test("top sorts by the chosen key, then by bytes, then by session number", () => {
  const sessions = [
    session(3, { up: 10, client: "192.0.2.10:1", user: "zoe", destination: "a.example:1", ageMs: 5_000 }),
    session(2, { up: 10, client: "192.0.2.9:1", user: "ann", destination: "b.example:1", ageMs: 1_000 }),
    session(1, { up: 900, client: "192.0.2.11:1", destination: "c.example:1", ageMs: 3_000 }),
  ];
  const before = moment(0, [session(3), session(2), session(1, { up: 900 })]);
  const ids = (order: (typeof orderNames)[number]) =>
    topFrame({ now: moment(1_000, sessions), before, order }, { rows: 24, columns: 80 })
      .flatMap((line) => /^(\d) {2}/.exec(line)?.[1] ?? []).join("");
  assert.deepEqual(Object.fromEntries(orderNames.map((order) => [order, ids(order)])), {
    rate: "231",
    bytes: "123",
    age: "312",
    client: "231",
    user: "231",
    destination: "321",
  });
  assert.deepEqual([..."rbacud"].map(orderOf), orderNames);
  assert.equal(orderOf("x"), undefined);
});

test("top fits the terminal height, shows problems first, and counts the hidden sessions", () => {
  const sessions = Array.from({ length: 200 }, (_, i) => session(i));
  const now = moment(1_000, sessions, {
    sessionCount: 10_000,
    matchCount: 10_000,
    parts: { ...status([]).parts, resolver: { ok: false, detail: "no answer", since: "2026-01-02T00:00:00.000Z" } },
    certificates: [{ option: "tls-cert", until: "2026-01-03T00:00:00.000Z", good: false }],
    drainsForMs: 12_000,
  });
  const lines = topFrame({ now, before: undefined, order: "age", failure: "Cannot ask" }, { rows: 24, columns: 80 });
  assert.equal(lines.length, 24);
  assert.deepEqual(lines.slice(0, 7), [
    "gate46 1.0.0, linux engine, 2 workers, up 1 h 0 min, draining, 12 s left",
    "10,000 sessions of 100 clients since the start, 3 failed",
    "A 4→4: 0, 0 B up, 0 B down | B 4→6: 0, 0 B up, 0 B down | C 6→4: 0, 0 B up, 0 B down | D 6→6: 0, 0 B up, 0 B down",
    "! Cannot ask",
    "! resolver: no answer, since 2026-01-02T00:00:00.000Z",
    "! certificate of tls-cert: until 2026-01-03T00:00:00.000Z",
    "",
  ]);
  assert.deepEqual(lines.slice(-2), [
    "and 9,800 sessions more: these are the youngest and those that moved the most",
    "sorted by: r rate, b bytes, a age*, c client, u user, d destination; q quits",
  ]);
  const few = topFrame({ now: moment(1_000, []), before: undefined, order: "rate" }, { rows: 24, columns: 80 });
  assert.equal(few.length, 24, "the keys stay in the last line");
});

test("status shows upstreams that are down and the last failures, without control characters", () => {
  const lines = statusLines(status([], {
    upstreams: [{ upstream: "far", chain: "192.0.2.9:1080", up: false, detail: "refused" }],
    failures: [{
      client: "192.0.2.1",
      user: "ann\x07",
      end: "refused",
      kind: "refused",
      reply: "02 not allowed",
      at: 0,
      count: 2,
    }],
  }));
  assert.deepEqual(lines.slice(4), [
    "upstream far (192.0.2.9:1080): down: refused",
    "failed 1970-01-01T00:00:00.000Z 192.0.2.1 as ann?: refused, 02 not allowed, 2 times",
  ]);
});
