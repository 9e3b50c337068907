import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ChainHealth,
  type Facts,
  isAlive,
  noNamesFacts,
  type Parts,
  readiness,
} from "../../src/admin/readiness.ts";
import { allNames, ThreadWatch } from "../../src/admin/thread_watch.ts";
import { facts } from "../support/memory/admin_source.ts";

const NOW = 1_000_000;
const iso = (at: number) => new Date(at).toISOString();
const failing = (failures: number, forMs: number, ...[lastAgoMs = 0]: number[]) => ({
  answeredAt: -Infinity,
  failures,
  failingSince: NOW - forMs,
  failedAt: NOW - lastAgoMs,
});
const refused = (forMs: number, lastAgoMs: number) => ({ failingSince: NOW - forMs, failedAt: NOW - lastAgoMs });
const none = { from: undefined, near: undefined, since: 5_000 };
const nearOnly = { from: undefined, near: "10.0.0.1", since: 5_000 };
const chain = (upstream: string, up: boolean): ChainHealth => ({ upstream, chain: "socks5://192.0.2.9:1080", up });

/** What is otherwise, the state it makes, and the parts that are told as not well. */
const table: readonly (readonly [name: string, changes: Partial<Facts>, state: string, ...unwell: string[]])[] = [
  ["all is well", {}, "ready"],
  ["it drains", { draining: true }, "draining"],
  ["it drains and nothing listens", { draining: true, listeners: 0 }, "draining"],
  ["nothing listens", { listeners: 0 }, "not listening", "listeners"],
  ["a worker of two is silent", { silentWorkers: 1 }, "ready", "workers"],
  ["all workers are silent", { silentWorkers: 2 }, "workers silent", "workers"],
  ["accept fails briefly", { accept: refused(1_000, 100) }, "ready", "listeners"],
  ["accept fails for 5 s", { accept: refused(5_000, 100) }, "cannot accept", "listeners"],
  ["accept failed, and no client has connected since", { accept: refused(60_000, 15_000) }, "ready"],
  ["only two DNS queries failed", { names: failing(2, 60_000) }, "ready"],
  ["DNS queries fail, for less than 10 s", { names: failing(50, 9_999) }, "ready"],
  ["DNS queries fail for 10 s", { names: failing(3, 10_000) }, "no resolver", "resolver"],
  ["DNS queries failed, and there were none since", { names: failing(3, 90_000, 60_000) }, "ready"],
  [
    "DNS queries failed, and DNS servers are probed",
    { names: failing(3, 90_000, 60_000), probesNames: true },
    "no resolver",
    "resolver",
  ],
  ["the host has IPv4 only", { ipv6: none }, "ready", "ipv6Egress"],
  ["the host has IPv6 only", { ipv4: none }, "ready", "ipv4Egress"],
  ["the host has on-link routes only", { ipv4: nearOnly, ipv6: none }, "ready", "ipv4Egress", "ipv6Egress"],
  ["the host has no route", { ipv4: none, ipv6: none }, "no egress", "ipv4Egress", "ipv6Egress"],
  ["the routes are not checked yet", { ipv4: undefined, ipv6: undefined }, "ready"],
  ["all upstreams are up", { chains: [chain("a", true)] }, "ready"],
  ["an upstream of two is down", { chains: [chain("a", true), chain("b", false)] }, "ready", "upstreams"],
  ["all upstreams are down", { chains: [chain("a", false), chain("b", false)] }, "no upstream", "upstreams"],
  [
    "the only route is to an upstream",
    { chains: [chain("a", true)], ipv4: none, ipv6: none },
    "ready",
    "ipv4Egress",
    "ipv6Egress",
  ],
];

describe("readiness()", () => {
  for (const [name, changes, state, ...unwell] of table) {
    test(`when ${name}: ${state}`, () => {
      const { ready, parts, ...health } = readiness(facts(changes));
      assert.deepEqual([ready, health.state, health.sessions], [state === "ready", state, 3]);
      const { draining, ...others } = parts;
      assert.equal(draining, state === "draining");
      assert.deepEqual(Object.keys(others).filter((key) => !others[key as keyof typeof others].ok), unwell);
    });
  }

  test("gives the reason and the start time of each failure", () => {
    const parts = (changes: Partial<Facts>): Parts => readiness(facts(changes)).parts;
    assert.deepEqual(parts({ names: failing(7, 30_000) }).resolver, {
      ok: false,
      detail: "no answer to 7 questions",
      since: iso(NOW - 30_000),
    });
    assert.deepEqual(parts({ ipv6: none }).ipv6Egress, { ok: false, detail: "no address", since: iso(5_000) });
    assert.deepEqual(parts({ ipv4: nearOnly }).ipv4Egress, {
      ok: false,
      detail: "no route beyond the networks of 10.0.0.1",
      since: iso(5_000),
    });
    assert.deepEqual(parts({ silentWorkers: 2, heardAt: 990_000 }).workers, {
      ok: false,
      detail: "2 of 2 silent",
      since: iso(990_000),
    });
    const down = { ...chain("b", false), since: iso(7_000) };
    assert.deepEqual(parts({ chains: [chain("a", true), down] }).upstreams, {
      ok: false,
      detail: "1 of 2 down: b",
      since: iso(7_000),
      chains: [chain("a", true), down],
    });
    assert.deepEqual(parts({}).resolver, { ok: true, detail: "not asked yet" });
    assert.deepEqual(parts({ names: { ...noNamesFacts, answeredAt: NOW } }).resolver, {
      ok: true,
      detail: `answered at ${iso(NOW)}`,
    });
    assert.deepEqual(parts({}).ipv4Egress, { ok: true, detail: "from 192.0.2.1" });
  });
});

test("isAlive() is true for 20 s after the last worker report", () => {
  assert.equal(isAlive({ now: NOW, heardAt: NOW - 20_000 }), true);
  assert.equal(isAlive({ now: NOW, heardAt: NOW - 20_001 }), false);
});

describe("ThreadWatch", () => {
  const asked = (outcome: "found" | "none" | "failed" | "called-off") =>
    ({ type: "dns-asked", by: "udp", outcome, ms: 1 }) as const;

  test("counts failures since the last answer: NXDOMAIN is an answer, a cancelled query is neither", () => {
    let now = 10;
    const watch = new ThreadWatch(() => now++);
    for (const outcome of ["failed", "called-off", "failed"] as const) watch.listen(asked(outcome));
    assert.deepEqual(watch.vitals.names, { answeredAt: -Infinity, failures: 2, failingSince: 10, failedAt: 11 });
    watch.listen(asked("none"));
    assert.deepEqual(watch.vitals.names, { ...noNamesFacts, answeredAt: 12 });
    watch.listen(asked("failed"));
    assert.deepEqual(watch.vitals.names, { answeredAt: 12, failures: 1, failingSince: 13, failedAt: 13 });
    watch.listen({ type: "reconfigured" });
    assert.deepEqual(watch.vitals.names, noNamesFacts);
  });

  test("records the start time of accept failures", () => {
    let now = 5;
    const watch = new ThreadWatch(() => now++);
    const addr = { host: "::1", port: 1080 };
    watch.listen({ type: "accept-failed", addr, error: new Error("x") });
    watch.listen({ type: "accept-failing", addr });
    assert.deepEqual(watch.vitals.accept, { failingSince: 5, failedAt: 6 });
    watch.listen({ type: "accept-recovered", addr, failures: 3 });
    assert.equal(watch.vitals.accept, undefined);
  });
});

describe("allNames()", () => {
  const facts = (answeredAt: number, failures = 0, failingSince = -Infinity, failedAt = failingSince) => ({
    answeredAt,
    failures,
    failingSince,
    failedAt,
  });

  test("takes the latest answer of any thread, and adds up later failures", () => {
    assert.deepEqual(allNames([]), noNamesFacts);
    assert.deepEqual(allNames([facts(1, 3, 5, 7), facts(9)]), facts(9));
    assert.deepEqual(allNames([facts(1, 3, 5, 7), facts(2, 2, 4, 6)]), facts(2, 5, 4, 7));
    assert.deepEqual(allNames([facts(1, 3, 5, 9), facts(6)]), facts(6, 3, 6, 9));
  });
});
