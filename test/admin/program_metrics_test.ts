import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { exposition, formats } from "../../src/admin/counted/aggregate.ts";
import { Collection } from "../../src/admin/counted/collected.ts";
import { atOnce } from "../../src/admin/steps.ts";
import { Distribution } from "../../src/admin/counted/distribution.ts";
import { type ProgramFacts, ProgramMetrics } from "../../src/admin/program_metrics.ts";
import { readiness } from "../../src/admin/readiness.ts";
import { facts, ready } from "../support/memory/admin_source.ts";
import { counted } from "../support/program/counted.ts";

const figures = {
  startedAtSeconds: 1_000,
  cpuSeconds: 2.5,
  residentBytes: 1 << 20,
  heapBytes: 1 << 10,
  openDescriptors: 12,
  maxDescriptors: 1_024,
  loopLagSeconds: 0.001,
};
const program: ProgramFacts = {
  version: "1.2.3",
  runtime: "bun 1.4.5",
  engine: "linux",
  workers: 2,
  silentWorkers: 0,
  maxSessions: 10_000,
  health: ready,
  certificates: [],
  lostLogLines: 3,
  figures,
};

/** The samples of a text, by name and labels. */
function samples(text: string): Readonly<Record<string, string>> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]),
  );
}

async function scraped(metrics: ProgramMetrics): Promise<Readonly<Record<string, string>>> {
  return samples(await exposition([metrics.snapshot()], formats[0]));
}

describe("ProgramMetrics", () => {
  test("include version, readiness and the state of each part", async () => {
    const ofHealth = async (health: ProgramFacts["health"]) =>
      await scraped(new ProgramMetrics(() => ({ ...program, health })));
    const well = await ofHealth(ready);
    assert.equal(well['gate46_build_info{version="1.2.3",runtime="bun 1.4.5",engine="linux"}'], "1");
    assert.equal(well["gate46_ready"], "1");
    assert.equal(well["gate46_log_lines_lost_total"], "3");
    assert.equal(well['gate46_part_ok{part="resolver"}'], "1");
    const draining = await ofHealth(readiness(facts({ draining: true, silentWorkers: 1 })));
    assert.deepEqual([draining["gate46_ready"], draining["gate46_draining"]], ["0", "1"]);
    assert.equal(draining['gate46_part_ok{part="workers"}'], "0");
    assert.equal(draining['gate46_part_ok{part="draining"}'], undefined);
  });

  test("include fake names for a router only", async () => {
    const names = { names: 7, maxNames: 65_536, queries: { answered: 9, failed: 1 } };
    const router = await scraped(new ProgramMetrics(() => ({ ...program, names })));
    assert.deepEqual([router["gate46_fake_names"], router["gate46_fake_names_limit"]], ["7", "65536"]);
    assert.equal(router['gate46_fake_dns_queries_total{outcome="answered"}'], "9");
    const other = await scraped(new ProgramMetrics(() => program));
    assert.deepEqual(Object.keys(other).filter((name) => name.startsWith("gate46_fake")), []);
  });

  test("include the start and expiry of certificates in seconds since 1970", async () => {
    const certificates = [{ option: "tls-cert", from: 1_000_000, until: 1_800_000_000_500 }];
    const told = await scraped(new ProgramMetrics(() => ({ ...program, certificates })));
    assert.equal(told['gate46_tls_certificate_start_timestamp_seconds{option="tls-cert"}'], "1000");
    assert.equal(told['gate46_tls_certificate_expiry_timestamp_seconds{option="tls-cert"}'], "1800000000.5");
  });

  test("include reloads and dead workers", async () => {
    let now = 5_000;
    const metrics = new ProgramMetrics(() => program, () => now);
    const reloads = async () => {
      const all = await scraped(metrics);
      return ["generation", "last_reload_successful", "last_reload_success_timestamp_seconds"].map((name) =>
        all[`gate46_config_${name}`]
      );
    };
    assert.deepEqual(await reloads(), ["1", "1", "5"]);
    now = 7_000;
    metrics.listen({ type: "reload-refused", problems: ["x"] });
    assert.deepEqual(await reloads(), ["1", "0", "5"]);
    metrics.listen({ type: "reloaded", opened: [], closed: [] });
    assert.deepEqual(await reloads(), ["2", "1", "7"]);
    metrics.listen({ type: "worker-died", worker: 1, sessions: 3, error: new Error("x") });
    const all = await scraped(metrics);
    assert.equal(all["gate46_worker_deaths_total"], "1");
    assert.equal(all['gate46_reloads_total{outcome="refused"}'], "1");
  });

  test("read the program facts once per scrape: some need system calls", () => {
    let asked = 0;
    const metrics = new ProgramMetrics(() => {
      asked++;
      return program;
    });
    metrics.snapshot();
    assert.equal(asked, 1);
  });

  test("leave out figures that the system does not provide", async () => {
    const portable = { ...figures, openDescriptors: undefined };
    const all = await scraped(new ProgramMetrics(() => ({ ...program, figures: portable })));
    assert.equal(all["process_max_fds"], "1024");
    assert.equal(all["process_open_fds"], undefined);
  });
});

test("a Distribution counts each value in every bucket at or above it", async () => {
  const collection = new Collection();
  const distribution = new Distribution(collection, {
    name: "x_seconds",
    help: "x",
    labels: ["a", "b"],
    buckets: [1, 2],
  });
  for (const value of [0.5, 1, 1.5, 2, 9]) distribution.observe(value, "p", 'q"');
  distribution.observe(3, "p", "r");
  assert.deepEqual(samples(await exposition([atOnce(collection.look())], formats[0])), {
    'x_seconds_bucket{le="1",a="p",b="q\\""}': "2",
    'x_seconds_bucket{le="2",a="p",b="q\\""}': "4",
    'x_seconds_bucket{le="+Inf",a="p",b="q\\""}': "5",
    'x_seconds_sum{a="p",b="q\\""}': "14",
    'x_seconds_count{a="p",b="q\\""}': "5",
    'x_seconds_bucket{le="1",a="p",b="r"}': "0",
    'x_seconds_bucket{le="2",a="p",b="r"}': "0",
    'x_seconds_bucket{le="+Inf",a="p",b="r"}': "1",
    'x_seconds_sum{a="p",b="r"}': "3",
    'x_seconds_count{a="p",b="r"}': "1",
  });
});

test("exposition() adds up the counts of threads, and takes the worst state of an upstream", async () => {
  const threads = [counted(), counted()];
  for (const [i, thread] of threads.entries()) {
    thread.listen({ type: "fault", error: new Error("x") });
    thread.listen({ type: "dns-asked", by: "udp", outcome: "found", ms: 20 });
    thread.listen({ type: "upstream", upstream: "u", chain: "c", up: i === 0 });
  }
  const snapshots = threads.map((thread) => thread.snapshot());
  for (const format of formats) {
    const all = samples(await exposition([...snapshots, []], format));
    assert.equal(all["gate46_faults_total"], "2");
    assert.equal(all['gate46_dns_seconds_bucket{le="0.025",transport="udp",outcome="found"}'], "2");
    assert.equal(all['gate46_upstream_up{upstream="u",chain="c"}'], "0");
  }
});
