import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../../src/cli/otlp/outbox.ts";
import { metricData } from "../../../src/cli/otlp/metric_data.ts";
import { Telemetry } from "../../../src/cli/otlp/telemetry.ts";
import type { SessionRecord } from "../../../src/events.ts";
import { atOnce } from "../../../src/admin/steps.ts";
import { aggregated } from "../../../src/admin/counted/aggregate.ts";
import { counted } from "../../support/program/counted.ts";
import { sessionRecord } from "../../support/memory/session_record.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";

/** A collector that notes what it gets, and fails on demand. */
function noting() {
  const clock = new TestClock(), sent: string[] = [], told: string[] = [];
  const state = { fails: false, hangs: false };
  const attempt = (what: string) => {
    if (state.hangs) return new Promise<void>(() => {});
    if (state.fails) return Promise.reject(new Error("away"));
    sent.push(what);
    return Promise.resolve();
  };
  const telemetry = new Telemetry({
    collector: {
      sendMetrics: (snapshots) => attempt(`metrics ${snapshots.length}`),
      sendSessions: (lines) => attempt(`${lines.length} from ${lines[0]}`),
      close: () => attempt("close"),
    },
    metrics: () => Promise.resolve([[], []]),
    clock,
    intervalMs: 10_000,
    failed: (error) => told.push((error as Error).message),
    works: () => told.push("works"),
    lost: (count) => told.push(`lost ${count}`),
  });
  const report = (first: number, count: number, lost = 0) => {
    const lines = Array.from({ length: count }, (_, i) => `${first + i}\n`).join("");
    telemetry.listen({ type: "sessions-reported", lines, lost });
  };
  const taken = () => [...sent.splice(0), ...told.splice(0)];
  return { clock, state, telemetry, report, taken };
}

test("a collector receives metrics and sessions at each interval, 1,000 sessions per request, and the rest at the end", async () => {
  const { clock, telemetry, report, taken } = noting();
  report(0, 1_500);
  await clock.advance(10_000);
  assert.deepEqual(taken(), ["metrics 2", "1000 from 0", "500 from 1000"]);
  await clock.advance(10_000);
  assert.deepEqual(taken(), ["metrics 2"]);
  report(1_500, 1);
  await telemetry.close(3_000);
  assert.deepEqual(taken(), ["metrics 2", "1 from 1500", "close"]);
  assert.equal(clock.pending, 0);
});

test("up to 20,000 sessions are queued while the collector is unreachable, and one log line reports it", async () => {
  const { clock, state, telemetry, report, taken } = noting();
  state.fails = true;
  report(0, 19_000);
  await clock.advance(10_000);
  report(19_000, 2_000, 7);
  await clock.advance(20_000);
  assert.deepEqual(taken(), ["away"]);
  state.fails = false;
  await clock.advance(10_000);
  const after = taken();
  assert.deepEqual([after.length, after[1], ...after.slice(-3)], [
    23,
    "1000 from 0",
    "1000 from 19000",
    "works",
    "lost 1007",
  ]);
  await telemetry.close(3_000);
  await settle();
});

for (const how of ["fails", "hangs"] as const) {
  test(`a collector that ${how} delays the exit by 3 s at most, and the log counts the lost sessions`, async () => {
    const { clock, state, telemetry, report, taken } = noting();
    state[how] = true;
    report(0, 5, 2);
    await clock.advance(10_000); // a request is on its way
    report(5, 1);
    const closed = telemetry.close(3_000);
    if (how === "hangs") await clock.advance(3_000);
    await closed;
    assert.deepEqual(taken(), how === "fails" ? ["away", "lost 8"] : ["lost 8"]);
    assert.equal(clock.pending, 0);
  });
}

test("an outbox follows --log-sessions and --log-clients, leaves out probes, and is bounded", () => {
  const fill = (which: "all" | "failed" | "off", sessions: readonly Partial<SessionRecord>[]) => {
    const outbox = new Outbox({ logSessions: which, logClients: "none" });
    for (const one of sessions) outbox.listen({ type: "session-closed", session: sessionRecord(one) });
    const { lines, lost } = outbox.take();
    assert.deepEqual(outbox.take(), { lines: "", lost: 0 });
    return [lines.split("\n").length - 1, lost];
  };
  const three: Partial<SessionRecord>[] = [{ command: 1, reply: 0 }, { command: 1, reply: 5 }, {
    method: 0,
    end: "client-left",
  }];
  assert.deepEqual(fill("all", three), [2, 0]);
  assert.deepEqual(fill("failed", three), [1, 0]);
  assert.deepEqual(fill("off", three), [0, 0]);
  assert.deepEqual(fill("all", new Array(2_003).fill(three[0]!)), [2_000, 3]);
});

test("metrics keep names, labels and values, and histogram buckets are not cumulative", async () => {
  const threads = [counted(), counted()];
  for (const thread of threads) {
    for (const dialMs of [3, 30, 60_000]) {
      const session = sessionRecord({ command: 1, reply: 0, relayType: "B", dialMs, counts: { up: 1, down: 2 } });
      thread.listen({ type: "session-opened", session });
      thread.listen({ type: "session-closed", session });
    }
  }
  const summed = await aggregated(threads.map((thread) => atOnce(thread.look())));
  const all = metricData(summed, 1_500, 2_250);
  const named = (name: string) => all.find(({ descriptor }) => descriptor.name === name)!;
  const bytes = named("gate46_bytes_total");
  assert.ok("isMonotonic" in bytes && bytes.isMonotonic);
  const down = bytes.dataPoints.find(({ attributes: { relay, direction } }) => relay === "B" && direction === "down")!;
  assert.deepEqual([down.value, down.startTime, down.endTime], [12, [1, 500_000_000], [2, 250_000_000]]);
  const [dial] = named("gate46_dial_seconds").dataPoints;
  const { buckets, count, sum } = dial!.value as Exclude<typeof dial, undefined>["value"] & {
    readonly buckets: { readonly boundaries: readonly number[]; readonly counts: readonly number[] };
    readonly count: number;
    readonly sum: number;
  };
  assert.deepEqual(dial!.attributes, { relay: "B", outcome: "connected" });
  assert.equal(buckets.counts.length, buckets.boundaries.length + 1);
  assert.deepEqual(buckets.counts.flatMap((n, i) => n ? [[buckets.boundaries[i], n]] : []), [
    [0.005, 2],
    [0.05, 2],
    [undefined, 2],
  ]);
  assert.deepEqual([count, Math.round(1_000 * sum)], [6, 120_066]);
});
