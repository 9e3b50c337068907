import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adminApp } from "../../src/admin/app.ts";
import { ageText, bytesText } from "../../src/admin/page/words.ts";
import type { SessionView, Status } from "../../src/admin/status.ts";
import { adminSource, ready } from "../support/admin_source.ts";

const session = (id: number, parts: Partial<SessionView> = {}): SessionView => ({
  id,
  client: `192.0.2.${id}:1000`,
  command: "connect",
  destination: `host${id}.example:443`,
  relay: "B",
  ageMs: id * 1_000,
  up: 10 * id,
  down: 1_000 - id,
  datagramsUp: 0,
  datagramsDown: 0,
  ...parts,
});

const none = { sessions: 0, total: 0, up: 0, down: 0 };

const status: Status = {
  parts: ready.parts,
  sessionCount: 3,
  sessions: [session(2), session(1), session(3)],
  failures: [{ at: Date.now() - 65_000, count: 4, client: "192.0.2.9", end: "refused", detail: "rules[0] 'no ads'" }],
  relays: { A: none, B: { sessions: 3, total: 20, up: 1_500, down: 2_500_000 }, C: none, D: none },
  version: "1.2.3",
  engine: "linux",
  workers: 2,
  upMs: 90_000,
  listeners: [{ host: "::1", port: 1080 }],
  upstreams: [{ upstream: "abroad", chain: "socks5://192.0.2.1:1080", up: false }],
};

async function page(changes: Partial<Status> = {}, query = ""): Promise<{ text: string; headers: Headers }> {
  const app = adminApp(adminSource({ status: () => Promise.resolve({ ...status, ...changes }) }), { exposed: false });
  const response = await app.request(`http://127.0.0.1/${query}`);
  assert.equal(response.status, 200);
  return { text: await response.text(), headers: response.headers };
}

const order = (text: string) => Array.from(text.matchAll(/host(\d)\.example/g), (match) => match[1]).join("");

describe("The status page", () => {
  test("tells who, where to, by which relay type, what failed and what is down", async () => {
    const { text } = await page();
    for (
      const told of [
        "3 sessions",
        "[::1]:1080",
        "version 1.2.3, linux engine, 2 workers, up 1 min",
        "host2.example:443",
        "↑ 1.5 kB ↓ 2.5 MB",
        "4 ×",
        "rules[0] &#39;no ads&#39;",
        "abroad",
        ">down<",
      ]
    ) assert.ok(text.includes(told), told);
  });

  test("sorts by what is asked for, and by age otherwise", async () => {
    assert.equal(order((await page()).text), "123");
    assert.equal(order((await page({}, "?sort=up")).text), "321");
    assert.equal(order((await page({}, "?sort=down")).text), "123");
    assert.equal(order((await page({}, "?sort=toString")).text), "123");
    assert.match((await page({}, "?sort=up")).text, /aria-sort="descending"><a href="\?sort=up" aria-current="true">/);
  });

  test("escapes what clients call themselves and where they go", async () => {
    const hostile = `"><img src=x onerror=alert(1)>`;
    const { text } = await page({
      sessions: [session(1, { user: hostile, destination: hostile, via: hostile })],
      failures: [{ at: 0, count: 1, client: hostile, end: "refused", destination: hostile, detail: hostile }],
    });
    assert.ok(!text.includes("<img"));
    assert.equal(text.split("&lt;img src=x onerror=alert(1)&gt;").length, 7);
  });

  test("says how long sessions have yet while it drains, and that nobody is there", async () => {
    const { text } = await page({ drainsForMs: 12_300, sessionCount: 0, sessions: [], failures: [] });
    assert.match(text, /draining, 12 s left/);
    assert.match(text, /Nobody is connected/);
  });

  test("runs nothing and asks nobody for anything", async () => {
    const { text, headers } = await page();
    assert.match(headers.get("content-security-policy")!, /^default-src 'none';/);
    assert.equal(headers.get("cache-control"), "no-store");
    assert.doesNotMatch(text, /<script|https?:/);
  });

  test("says figures as people do", () => {
    assert.deepEqual([0, 999, 1_000, 123_456, 7e9].map(bytesText), ["0 B", "999 B", "1.0 kB", "123 kB", "7.0 GB"]);
    assert.deepEqual([900, 59_000, 61_000, 3_700_000, 9e7].map(ageText), [
      "0 s",
      "59 s",
      "1 min",
      "1 h 1 min",
      "1 d 1 h",
    ]);
  });
});
