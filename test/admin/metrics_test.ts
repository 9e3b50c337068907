import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { exposition, formats } from "../../src/admin/counted/aggregate.ts";
import { countedSoFar, type Snapshot } from "../../src/admin/counted/collected.ts";
import { STEP } from "../../src/admin/steps.ts";
import type { SessionRecord } from "../../src/events.ts";
import { type Counted, counted } from "../support/program/counted.ts";
import { sessionRecord } from "../support/memory/session_record.ts";

/** The samples whose names begin so, by name and labels. */
async function samples(metrics: Counted, name: string): Promise<Record<string, number>> {
  const text = await exposition([metrics.snapshot()], formats[0]);
  const lines = text.split("\n").filter((line) => line.startsWith(`gate46_${name}`));
  return Object.fromEntries(lines.map((line) => {
    const [, sample, value] = /^gate46_(.*) ([^ ]+)$/.exec(line)!;
    return [sample!, Number(value)];
  }));
}

function ran(metrics: Counted, changes: Partial<SessionRecord>): void {
  const session = sessionRecord(changes);
  metrics.listen({ type: "session-opened", session });
  metrics.listen({ type: "session-closed", session });
}

describe("Metrics", () => {
  test("list every reply, command and relay type at 0 before the first session", async () => {
    const metrics = counted();
    const replies = Object.entries(await samples(metrics, "replies_total"));
    assert.equal(replies.length, 7 * 9);
    assert.deepEqual(replies.filter(([name]) => name.includes('"bind"')), [
      ['replies_total{command="bind",reply="00 succeeded"}', 0],
      ['replies_total{command="bind",reply="01 general SOCKS server failure"}', 0],
      ['replies_total{command="bind",reply="02 connection not allowed by ruleset"}', 0],
      ['replies_total{command="bind",reply="03 network unreachable"}', 0],
      ['replies_total{command="bind",reply="04 host unreachable"}', 0],
      ['replies_total{command="bind",reply="05 connection refused"}', 0],
      ['replies_total{command="bind",reply="06 TTL expired"}', 0],
      ['replies_total{command="bind",reply="07 command not supported"}', 0],
      ['replies_total{command="bind",reply="08 address type not supported"}', 0],
    ]);
    assert.deepEqual(Object.keys(await samples(metrics, "requests_total")), [
      'requests_total{command="connect"}',
      'requests_total{command="bind"}',
      'requests_total{command="udp-associate"}',
      'requests_total{command="udp-in-tcp"}',
      'requests_total{command="resolve"}',
      'requests_total{command="resolve-ptr"}',
      'requests_total{command="forward"}',
    ]);
    assert.deepEqual(Object.keys(await samples(metrics, "relays_total")), [
      'relays_total{relay="A"}',
      'relays_total{relay="B"}',
      'relays_total{relay="C"}',
      'relays_total{relay="D"}',
    ]);
  });

  test("count sessions by end, command, reply and relay type", async () => {
    const metrics = counted();
    ran(metrics, { end: "end", command: 1, reply: 0, relayType: "B", dialMs: 20 });
    ran(metrics, { end: "end", command: 1, reply: 0, relayType: "B", dialMs: 3_000 });
    ran(metrics, { end: "refused", command: 2, reply: 5 });
    ran(metrics, { end: "handshake-timeout" });
    assert.deepEqual(await samples(metrics, "sessions_ended_total"), {
      'sessions_ended_total{end="end"}': 2,
      'sessions_ended_total{end="refused"}': 1,
      'sessions_ended_total{end="handshake-timeout"}': 1,
    });
    assert.equal((await samples(metrics, "requests_total"))['requests_total{command="connect"}'], 2);
    assert.equal((await samples(metrics, "requests_total"))['requests_total{command="bind"}'], 1);
    assert.equal((await samples(metrics, "replies_total"))['replies_total{command="connect",reply="00 succeeded"}'], 2);
    assert.equal(
      (await samples(metrics, "replies_total"))['replies_total{command="bind",reply="05 connection refused"}'],
      1,
    );
    assert.equal((await samples(metrics, "relays_total"))['relays_total{relay="B"}'], 2);
    const dial = await samples(metrics, "dial_seconds");
    assert.equal(dial['dial_seconds_bucket{le="0.025",relay="B",outcome="connected"}'], 1);
    assert.equal(dial['dial_seconds_bucket{le="5",relay="B",outcome="connected"}'], 2);
    assert.equal(dial['dial_seconds_count{relay="B",outcome="connected"}'], 2);
    assert.ok(Math.abs(dial['dial_seconds_sum{relay="B",outcome="connected"}']! - 3.02) < 1e-9);
  });

  test("count common sessions the same on the fast path and on the path with user counts", async () => {
    const quick = counted(), thorough = counted();
    thorough.nameUsers([]);
    const sessions = ["A", "D", "A"].map((relayType, i) => ({
      ...{ end: "end", command: 1, reply: 0, relayType, dialMs: 7 ** i, startedAt: 1, endedAt: 90 ** i },
      counts: { up: i, down: 1_000 * i },
    } as Partial<SessionRecord>));
    for (const metrics of [quick, thorough]) for (const session of sessions) ran(metrics, session);
    const told = async (metrics: Counted) => (await exposition([metrics.snapshot()], formats[0])).split("\n").sort();
    assert.deepEqual(await told(quick), await told(thorough));
    assert.equal((await samples(quick, "bytes_total"))['bytes_total{relay="A",direction="down"}'], 2_000);
  });

  test("count bytes and datagrams of open sessions, and never decrease", async () => {
    const metrics = counted();
    const session = sessionRecord({ relayType: "C" });
    metrics.listen({ type: "session-opened", session });
    Object.assign(session.counts, { up: 10, down: 20 });
    Object.assign(session.datagrams, { up: 1, down: 2 });
    const some = (all: Record<string, number>) => Object.fromEntries(Object.entries(all).filter(([, n]) => n > 0));
    const expected = {
      'bytes_total{relay="C",direction="up"}': 10,
      'bytes_total{relay="C",direction="down"}': 20,
    };
    assert.deepEqual(some(await samples(metrics, "bytes_total")), expected);
    assert.deepEqual(some(await samples(metrics, "bytes_total")), expected);
    assert.deepEqual(await samples(metrics, "sessions "), { "sessions": 1 });
    metrics.listen({ type: "session-closed", session });
    assert.deepEqual(some(await samples(metrics, "bytes_total")), expected);
    assert.deepEqual(some(await samples(metrics, "datagrams_total")), {
      'datagrams_total{relay="C",direction="up"}': 1,
      'datagrams_total{relay="C",direction="down"}': 2,
    });
    assert.deepEqual(await samples(metrics, "sessions "), { "sessions": 0 });
    ran(metrics, { relayType: "C", counts: { up: 5, down: 0 } });
    assert.equal((await samples(metrics, "bytes_total"))['bytes_total{relay="C",direction="up"}'], 15);
  });

  test("count requests, replies, relays and dials of open sessions once", async () => {
    const metrics = counted();
    const all = async () => {
      const found = await Promise.all(
        ["requests_total", "replies_total", "relays_total", "dial_seconds_count", "dial_seconds_sum"].map((name) =>
          samples(metrics, name)
        ),
      );
      return Object.fromEntries(Object.entries(Object.assign({}, ...found)).filter(([, count]) => count !== 0));
    };
    const session = sessionRecord({ command: 1 });
    metrics.listen({ type: "session-opened", session });
    assert.deepEqual(await all(), { 'requests_total{command="connect"}': 1 });
    Object.assign(session, { reply: 0, relayType: "D", dialMs: 20.0004 });
    const expected = {
      'requests_total{command="connect"}': 1,
      'replies_total{command="connect",reply="00 succeeded"}': 1,
      'relays_total{relay="D"}': 1,
      'dial_seconds_count{relay="D",outcome="connected"}': 1,
      'dial_seconds_sum{relay="D",outcome="connected"}': 0.02,
    };
    assert.deepEqual(await all(), expected);
    metrics.listen({ type: "session-closed", session });
    assert.deepEqual(await all(), expected);
  });

  test("count only the last reply: BIND sends a second one for its peer", async () => {
    const metrics = counted();
    const session = sessionRecord({ command: 2, reply: 0 });
    metrics.listen({ type: "session-opened", session });
    const replies = async () =>
      Object.entries(await samples(metrics, "replies_total")).filter(([, count]) => count > 0).map(([name]) => name);
    assert.deepEqual(await replies(), []);
    session.reply = 6;
    metrics.listen({ type: "session-closed", session });
    assert.deepEqual(await replies(), ['replies_total{command="bind",reply="06 TTL expired"}']);
  });

  test("count clients turned away, dropped datagrams, accept failures and faults", async () => {
    const metrics = counted();
    const client = { host: "198.51.100.10", port: 1 };
    metrics.listen({ type: "client-turned-away", client, reason: "client-not-allowed" });
    metrics.listen({ type: "client-turned-away", client, reason: "too-many-sessions" });
    metrics.listen({ type: "accept-failed", addr: client, error: new Error("x") });
    metrics.listen({ type: "fault", error: new Error("x") });
    ran(metrics, { dropped: { stranger: 3, malformed: 1 } });
    assert.deepEqual(await samples(metrics, "clients_turned_away_total"), {
      'clients_turned_away_total{reason="client-not-allowed"}': 1,
      'clients_turned_away_total{reason="too-many-sessions"}': 1,
    });
    assert.deepEqual(await samples(metrics, "accept_failures_total"), { accept_failures_total: 1 });
    assert.deepEqual(await samples(metrics, "faults_total"), { faults_total: 1 });
    assert.deepEqual(await samples(metrics, "datagrams_dropped_total"), {
      'datagrams_dropped_total{reason="stranger"}': 3,
      'datagrams_dropped_total{reason="malformed"}': 1,
    });
  });

  test("count a failed dial by the known part of its relay type", async () => {
    const metrics = counted();
    const name = { type: 3, host: "a.test", port: 80 } as const, literal = { type: 4, host: "::1", port: 80 } as const;
    ran(metrics, { command: 1, destination: name, reply: 4, dialMs: 1 });
    ran(metrics, { command: 1, destination: literal, reply: 5, dialMs: 1 });
    ran(metrics, { command: 1, destination: literal, dialMs: 1 });
    const counts = Object.entries(await samples(metrics, "dial_seconds_count")).filter(([, n]) => n > 0);
    assert.deepEqual(counts.map(([name]) => name), [
      'dial_seconds_count{relay="unknown",outcome="unreachable"}',
      'dial_seconds_count{relay="B",outcome="refused"}',
      'dial_seconds_count{relay="B",outcome="called-off"}',
    ]);
  });

  test("give all replies outside RFC 1928 one label: an upstream may answer with any octet", async () => {
    const metrics = counted();
    for (const reply of [9, 91, 255]) ran(metrics, { command: 1, reply });
    const all = await samples(metrics, "replies_total");
    assert.equal(all['replies_total{command="connect",reply="unassigned"}'], 3);
    assert.equal(Object.keys(all).length, 7 * 9 + 1);
  });

  test("count failed handshakes and DNS queries", async () => {
    const metrics = counted();
    ran(metrics, { end: "handshake-timeout" });
    ran(metrics, { end: "protocol-error", command: 1 });
    ran(metrics, { end: "client-left" });
    metrics.listen({ type: "dns-asked", by: "udp", outcome: "found", ms: 20 });
    metrics.listen({ type: "dns-cache", outcome: "hit" });
    assert.deepEqual(await samples(metrics, "handshake_failures_total"), {
      'handshake_failures_total{reason="no-acceptable-method"}': 0,
      'handshake_failures_total{reason="authentication-failed"}': 0,
      'handshake_failures_total{reason="protocol-error"}': 0,
      'handshake_failures_total{reason="handshake-timeout"}': 1,
    });
    assert.deepEqual(await samples(metrics, "dns_seconds_count"), {
      'dns_seconds_count{transport="udp",outcome="found"}': 1,
    });
    assert.deepEqual(await samples(metrics, "dns_cache"), { 'dns_cache_lookups_total{outcome="hit"}': 1 });
  });

  test("count GSSAPI handshakes and sessions by protection level, open or ended", async () => {
    const metrics = counted();
    ran(metrics, { method: 1, protection: "integrity", command: 1, reply: 0, relayType: "A" });
    ran(metrics, { method: 1, end: "authentication-failed" });
    ran(metrics, { method: 2, end: "authentication-failed" });
    metrics.listen({ type: "session-opened", session: sessionRecord({ method: 1, protection: "confidentiality" }) });
    assert.deepEqual(await samples(metrics, "gssapi_"), {
      'gssapi_handshakes_total{result="ok"}': 2,
      'gssapi_handshakes_total{result="refused"}': 1,
      'gssapi_sessions_total{protection="none"}': 0,
      'gssapi_sessions_total{protection="integrity"}': 1,
      'gssapi_sessions_total{protection="confidentiality"}': 1,
    });
  });

  test("count each configured user, and all other users together", async () => {
    const metrics = counted();
    ran(metrics, { username: "ann", relayType: "A", counts: { up: 1, down: 2 } });
    assert.deepEqual(await samples(metrics, "user_"), {});
    metrics.nameUsers(["ann"]);
    for (const username of ["ann", "bob", "eve", undefined]) {
      ran(metrics, { ...username && { username }, relayType: "A", counts: { up: 1, down: 2 } });
    }
    ran(metrics, { username: "ann", end: "authentication-failed" });
    assert.deepEqual(await samples(metrics, "user_"), {
      'user_sessions_total{user="ann"}': 1,
      'user_sessions_total{user="other"}': 2,
      'user_bytes_total{user="ann",direction="up"}': 1,
      'user_bytes_total{user="ann",direction="down"}': 2,
      'user_bytes_total{user="other",direction="up"}': 2,
      'user_bytes_total{user="other",direction="down"}': 4,
    });
  });

  test("count a session for the same user to its end, and drop user labels when user counts are off", async () => {
    const metrics = counted();
    metrics.nameUsers(["ann"]);
    const sessions = ["ann", "bob"].map((username) =>
      sessionRecord({ username, relayType: "A", counts: { up: 7, down: 0 } })
    );
    for (const session of sessions) metrics.listen({ type: "session-opened", session });
    const up = async () => Object.entries(await samples(metrics, "user_bytes_total")).filter(([, count]) => count > 0);
    const before = await up();
    assert.deepEqual(before.map(([, count]) => count), [7, 7]);
    metrics.nameUsers(["bob"]);
    assert.deepEqual(await up(), before);
    for (const session of sessions) metrics.listen({ type: "session-closed", session });
    assert.deepEqual(await up(), before);
    metrics.nameUsers(undefined);
    assert.deepEqual(await samples(metrics, "user_"), {});
  });

  test("split a scrape of many sessions into steps; a session that ends meanwhile counts once", () => {
    const metrics = counted();
    const sessions = Array.from(
      { length: 3 * STEP },
      () => sessionRecord({ command: 1, reply: 0, relayType: "B", counts: { up: 1, down: 2 } }),
    );
    for (const session of sessions) metrics.listen({ type: "session-opened", session });
    const look = metrics.look();
    let steps = 0, next = look.next();
    for (; !next.done; next = look.next(), steps++) {
      for (const at of [0, sessions.length - 1]) { // one that was looked at, and one that was not
        if (sessions[at]!.end) continue;
        sessions[at]!.end = "end";
        metrics.listen({ type: "session-closed", session: sessions[at]! });
      }
    }
    assert.equal(steps, 3);
    const values = next.value.find(({ name }) => name === "gate46_bytes_total")!.values;
    const bytes = (direction: string) =>
      values.find(({ labels }) => labels["relay"] === "B" && labels["direction"] === direction)!.value;
    assert.deepEqual([bytes("up"), bytes("down")], [sessions.length, 2 * sessions.length]);
  });

  test("never use client input as a label", async () => {
    const metrics = counted();
    ran(metrics, {
      username: "SENTINEL",
      command: 1,
      destination: { type: 3, host: "SENTINEL.test", port: 80 },
      remote: { host: "203.0.113.99", port: 80 },
      reply: 1,
      detail: "SENTINEL",
    });
    const text = await exposition([metrics.snapshot()], formats[0]);
    for (const secret of ["SENTINEL", "203.0.113.99", "198.51.100.10"]) assert.ok(!text.includes(secret), secret);
  });

  test("keep the counts of dead threads, with or without a last snapshot", () => {
    const metrics = counted();
    ran(metrics, { command: 1, dialMs: 5 });
    const one = countedSoFar([], metrics.snapshot());
    const total = (snapshot: Snapshot, of: string) =>
      snapshot.find(({ name }) => name === `gate46_${of}`)!.values.reduce((sum, { value }) => sum + value, 0);
    assert.equal(total(one, "requests_total"), 1);
    assert.deepEqual(countedSoFar(one, []), one);
    assert.equal(total(countedSoFar(one, metrics.snapshot()), "requests_total"), 2);
    assert.ok(one.every(({ type }) => type !== "gauge"));
  });

  test("of two gateways are separate", async () => {
    const [one, two] = [counted(), counted()];
    one.listen({ type: "fault", error: new Error("x") });
    assert.deepEqual(await samples(two, "faults_total"), { faults_total: 0 });
  });
});
