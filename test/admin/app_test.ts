import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adminApp, type Health } from "../../src/admin/app.ts";
import { adminSource, ready } from "../support/admin_source.ts";

function ask(path: string, health: Health = ready, init?: RequestInit): Promise<Response> {
  return Promise.resolve(adminApp(adminSource({ health: () => health }), { exposed: false }).request(path, init));
}

describe("The admin endpoint", () => {
  test("/healthz says that the program is alive, even while it drains", async () => {
    for (const health of [ready, { ready: false, state: "draining", sessions: 1 } as const]) {
      const response = await ask("/healthz", health);
      assert.equal(response.status, 200);
      assert.deepEqual(await response.json(), { alive: true });
    }
  });

  for (
    const [health, status] of [
      [ready, 200],
      [{ ready: false, state: "draining", sessions: 1 }, 503],
      [{ ready: false, state: "not listening", sessions: 0 }, 503],
    ] as const
  ) {
    test(`/readyz answers ${status} when ${health.state}, and says so`, async () => {
      const response = await ask("/readyz", health);
      assert.equal(response.status, status);
      assert.deepEqual(await response.json(), health);
    });
  }

  test("/readyz asks each time", async () => {
    let health: Health = ready;
    const app = adminApp(adminSource({ health: () => health }), { exposed: false });
    assert.equal((await app.request("/readyz")).status, 200);
    health = { ready: false, state: "draining", sessions: 3 };
    assert.equal((await app.request("/readyz")).status, 503);
  });

  test("/metrics is Prometheus text with a help and a type for each metric", async () => {
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

  test("is read only and has nothing else", async () => {
    for (const path of ["/x", "/debug", "/metrics/x", "/../etc/passwd"]) assert.equal((await ask(path)).status, 404);
    for (const method of ["POST", "PUT", "DELETE"]) {
      assert.equal((await ask("/healthz", ready, { method })).status, 404, method);
    }
  });
});
