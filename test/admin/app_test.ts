import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adminApp } from "../../src/admin/app.ts";
import { type Health, readiness } from "../../src/admin/readiness.ts";
import { adminSource, facts, ready } from "../support/memory/admin_source.ts";

function ask(path: string, health: Health = ready, init?: RequestInit): Promise<Response> {
  return Promise.resolve(adminApp(adminSource({ health: () => health }), { exposed: false }).request(path, init));
}

const draining = readiness(facts({ draining: true }));

describe("The admin endpoint", () => {
  test("/healthz reports alive, even during a drain", async () => {
    for (const health of [ready, draining]) {
      const response = await ask("/healthz", health);
      assert.equal(response.status, 200);
      assert.deepEqual(await response.json(), { alive: true });
    }
  });

  test("/healthz reports not alive when no worker serves clients", async () => {
    const response = await adminApp(adminSource({ alive: () => false }), { exposed: false }).request("/healthz");
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), { alive: false });
  });

  for (
    const [health, status] of [
      [ready, 200],
      [draining, 503],
      [readiness(facts({ listeners: 0 })), 503],
    ] as const
  ) {
    test(`/readyz answers ${status} with state ${health.state}`, async () => {
      const response = await ask("/readyz", health);
      assert.equal(response.status, status);
      assert.deepEqual(await response.json(), health);
    });
  }

  test("/readyz reads the health anew for each request", async () => {
    let health: Health = ready;
    const app = adminApp(adminSource({ health: () => health }), { exposed: false });
    assert.equal((await app.request("/readyz")).status, 200);
    health = draining;
    assert.equal((await app.request("/readyz")).status, 503);
  });

  test("/metrics is Prometheus text with HELP and TYPE for each metric", async () => {
    const response = await ask("/metrics");
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split("\n");
    const metrics = lines.flatMap((line) => /^# HELP (\S+) \S/.exec(line)?.[1] ?? []);
    assert.ok(metrics.length >= 10);
    for (const name of metrics) {
      assert.ok(name.startsWith("gate46_"), name);
      assert.ok(lines.some((line) => new RegExp(`^# TYPE ${name} (counter|gauge|histogram)$`).test(line)), name);
    }
    for (const line of lines) assert.match(line, /^(# (HELP|TYPE) \S+ .+|[a-z0-9_]+(\{[^}]*\})? [0-9.e+-]+|)$/);
  });

  for (
    const [accept, type] of [
      [undefined, "text/plain; version=0.0.4"],
      ["*/*", "text/plain; version=0.0.4"],
      ["text/html, application/xhtml+xml, */*;q=0.8", "text/plain; version=0.0.4"],
      ["application/openmetrics-text", "application/openmetrics-text; version=1.0.0"],
      [
        "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4," +
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", // as Prometheus asks
        "application/openmetrics-text; version=1.0.0",
      ],
      ["text/plain;q=0.9, application/openmetrics-text;q=0.1", "text/plain; version=0.0.4"],
    ] as const
  ) {
    test(`/metrics with Accept: ${accept ?? "(none)"} is ${type}`, async () => {
      const response = await ask("/metrics", ready, { headers: accept ? { accept } : {} });
      assert.equal(response.headers.get("content-type"), `${type}; charset=utf-8`);
      assert.equal((await response.text()).endsWith("# EOF\n"), type.startsWith("application/"));
    });
  }

  test("/metrics in OpenMetrics has unique family names, and one _total suffix per counter", async () => {
    const response = await ask("/metrics", ready, { headers: { accept: "application/openmetrics-text" } });
    const text = await response.text();
    const families = Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name, type]) => ({ name: name!, type }));
    assert.equal(new Set(families.map(({ name }) => name)).size, families.length);
    for (const { name, type } of families) {
      assert.doesNotMatch(name, /_total$/);
      const samples = text.split("\n").filter((line) => new RegExp(`^${name}(_[a-z]+)?[{ ]`).test(line));
      if (type === "counter") { for (const sample of samples) assert.match(sample, new RegExp(`^${name}_total[{ ]`)); }
    }
    assert.match(text, /^gate46_requests_total\{command="connect"\} 0$/m);
  });

  test("limits the length of a filter", async () => {
    const filters: (string | undefined)[] = [];
    const source = adminSource({
      status: ({ filter }) => {
        filters.push(filter);
        return Promise.resolve(undefined);
      },
    });
    const app = adminApp(source, { exposed: false });
    for (const path of ["/", "/api/status"]) await app.request(`${path}?filter=${"ab+".repeat(5_000)}`);
    assert.deepEqual(filters.map((filter) => filter?.length), [200, 200]);
  });

  test("refuses unknown paths and wrong methods", async () => {
    for (const path of ["/x", "/debug", "/metrics/x", "/../etc/passwd"]) assert.equal((await ask(path)).status, 404);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await ask("/healthz", ready, { method });
      assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"], method);
      assert.deepEqual(await response.json(), { error: `Cannot ${method} /healthz: it takes GET` });
    }
    assert.equal((await ask("/api/sessions/7")).headers.get("allow"), "DELETE");
    assert.equal((await ask("/drain")).headers.get("allow"), "POST");
  });

  test("forbids caching, content sniffing and cross-origin reads of its answers", async () => {
    for (const path of ["/healthz", "/readyz", "/metrics", "/", "/api/status", "/x"]) {
      const { headers } = await ask(path);
      assert.deepEqual(
        ["cache-control", "x-content-type-options", "cross-origin-resource-policy"].map((name) => headers.get(name)),
        ["no-store", "nosniff", "same-origin"],
        path,
      );
    }
    const refused = await adminApp(adminSource(), { exposed: true, token: "0123456789abcdef" }).request("/metrics");
    assert.deepEqual([refused.status, refused.headers.get("cache-control")], [401, "no-store"]);
  });
});
