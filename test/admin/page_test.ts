import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { adminApp } from "../../src/admin/app.ts";
import { script } from "../../src/admin/page/script.ts";
import { ageText, bytesText } from "../../src/admin/page/words.ts";
import type { SessionView, Status, WantedSessions } from "../../src/admin/status.ts";
import { adminSource, quiet, ready } from "../support/memory/admin_source.ts";

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
  matchCount: 3,
  clients: 1_234,
  failed: 5,
  sessions: [session(2), session(1), session(3)],
  failures: [{
    at: Date.now() - 65_000,
    count: 4,
    client: "192.0.2.9",
    end: "refused",
    kind: "refused",
    detail: "rules[0] 'no ads'",
  }],
  relays: { A: none, B: { sessions: 3, total: 20, up: 1_500, down: 2_500_000 }, C: none, D: none },
  version: "1.2.3",
  engine: "linux",
  workers: 2,
  upMs: 90_000,
  listeners: ["[::1]:1080", "unix:/run/s.sock"],
  certificates: [],
  upstreams: [{ upstream: "abroad", chain: "socks5://192.0.2.1:1080", up: false }],
  ...quiet,
};

async function page(changes: Partial<Status> = {}, query = ""): Promise<{ text: string; headers: Headers }> {
  const app = adminApp(adminSource({ status: () => Promise.resolve({ ...status, ...changes }) }), { exposed: false });
  const response = await app.request(`http://127.0.0.1/${query}`);
  assert.equal(response.status, 200);
  return { text: await response.text(), headers: response.headers };
}

const order = (text: string) => Array.from(text.matchAll(/host(\d)\.example/g), (match) => match[1]).join("");

/** What people see of it. */
const plain = (text: string) =>
  text.replace(/<(style|script)>[^]*?<\/\1>/g, "").replace(/<[^>]*>/g, " ").replace(/[\s\u00a0]+/g, " ");

describe("The status page", () => {
  test("shows clients, destinations, relay types, failures and down parts without JavaScript", async () => {
    const text = plain((await page()).text);
    for (
      const told of [
        "Nothing is wrong",
        "Sessions 3 at most 0 3 relaying",
        "New clients 0/s at most 0/s 1,234 since the start",
        "Failures 0 % 0 of 0 5 since the start",
        "Everyone on this machine may look. Nobody may act: --admin-token-file is not set.",
        "listeners [::1]:1080, unix:/run/s.sock workers names IPv4 IPv6 upstreams 0 of 1 up",
        "serving version 1.2.3, linux engine, 2 workers · up 1 min",
        "2 192.0.2.2:1000 host2.example:443 connect B 2 s 20 B 998 B",
        "B IPv4 → IPv6 3 now 20 in all 0 B/s ↑ 1.5 kB ↓ 2.5 MB",
        "1 min ago 4 × refused rules[0] &#39;no ads&#39; 192.0.2.9",
        "down abroad socks5://192.0.2.1:1080",
      ]
    ) assert.ok(text.includes(told), `${told} in ${text}`);
  });

  test("shows the quota use of each user if quotas are set", async () => {
    assert.doesNotMatch((await page()).text, /Quotas/);
    const quotas = [
      { user: "ann", bytes: 50e9, used: 46e9, until: "2026-02-01T00:00:00.000Z" },
      { user: "<b>bob", bytes: 1e6, used: 1.4e6, until: "2026-01-02T00:00:00.000Z" },
    ];
    const { text } = await page({ quotas });
    assert.match(plain(text), /Quotas User Used Octets Until ann 92 % 46.0 GB of 50.0 GB 2026-02-01 00:00 UTC /);
    assert.match(plain(text), /&lt;b&gt;bob 140 % 1.4 MB of 1.0 MB 2026-01-02 00:00 UTC /);
  });

  test("shows when certificates expire, an overdue one first", async () => {
    const certificates = [
      { option: "via-ca", until: "2026-01-02T03:04:05.000Z", good: true },
      { option: "tls-cert", until: "2026-02-03T03:04:05.000Z", good: true },
    ];
    assert.match(plain((await page({ certificates })).text), / upstreams 0 of 1 up TLS --via-ca until 2026-01-02 /);
    const { text } = await page({ certificates: [certificates[0]!, { ...certificates[1]!, good: false }] });
    assert.match(text, /class="bad"><span>TLS<\/span>/);
    assert.match(plain(text), / TLS --tls-cert until 2026-02-03 /);
  });

  test("sorts by the requested column, by age by default, and reverses on the second request", async () => {
    assert.equal(order((await page()).text), "123");
    assert.equal(order((await page({}, "?sort=up")).text), "321");
    assert.equal(order((await page({}, "?sort=-up")).text), "123");
    assert.equal(order((await page({}, "?sort=down")).text), "123");
    assert.equal(order((await page({}, "?sort=-age")).text), "321");
    for (const none of ["toString", "__proto__", "-", "--age", ""]) {
      assert.equal(order((await page({}, `?sort=${none}`)).text).length, 3, none);
    }
    const { text } = await page({}, "?sort=up&filter=host");
    assert.match(text, /data-column="up"\s+aria-sort="descending"><a href="\?sort=-up&amp;filter=host">/);
    assert.match(text, /data-column="down"\s+aria-sort="none"><a href="\?sort=down&amp;filter=host">/);
  });

  test("requests only the sessions that match the filter, and no more than it shows", async () => {
    const asked: WantedSessions[] = [];
    const source = adminSource({ status: (wanted) => Promise.resolve(asked.push(wanted) > 0 ? status : undefined) });
    await adminApp(source, { exposed: false }).request("http://127.0.0.1/?filter=ann+443");
    assert.deepEqual(asked, [{ most: 200, filter: "ann 443" }]);
    const { text } = await page({ sessionCount: 10_000, matchCount: 9_000, sessions: [] }, "?filter=%22%3Eann");
    assert.match(plain(text), /9,000 of 10,000 fit/);
    assert.match(plain(text), /and 9,000 more/);
    assert.match(text, /value="&quot;&gt;ann"/);
  });

  test("escapes user names and destinations", async () => {
    const hostile = `"></script></td><img src=x onerror=alert(1)>`;
    const { text } = await page({
      sessions: [session(1, { client: hostile, user: hostile, destination: hostile, remote: hostile, via: hostile })],
      failures: [{
        at: 0,
        count: 1,
        client: hostile,
        user: hostile,
        end: "refused",
        kind: "refused",
        destination: hostile,
        detail: hostile,
      }],
    }, `?sort=${encodeURIComponent(hostile)}&filter=${encodeURIComponent(hostile)}`);
    assert.ok(!text.includes("<img"));
    assert.equal(text.split("</script>").length, 2);
    assert.ok(text.split("&lt;img src=x onerror=alert(1)&gt;").length > 10);
  });

  test("shows the time left of a drain, and a hint in each empty table", async () => {
    const { text } = await page({
      drainsForMs: 12_300,
      sessionCount: 0,
      matchCount: 0,
      sessions: [],
      failures: [],
      upstreams: [],
    });
    assert.match(plain(text), /draining, 12 s left/);
    assert.match(plain(text), /No client is connected/);
    assert.match(plain(text), /destinations are dialled directly/);
    assert.match(plain(text), /No failures yet/);
  });

  test("allows only its own script and style, and no request to another site", async () => {
    const { text, headers } = await page();
    const policy = headers.get("content-security-policy")!;
    assert.match(policy, /^default-src 'none';/);
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    for (const element of ["script", "style"]) {
      const contents = text.split(`<${element}>`)[1]!.split(`</${element}>`)[0]!;
      const hash = createHash("sha256").update(contents).digest("base64");
      assert.ok(policy.includes(`${element}-src 'sha256-${hash}';`), element);
      assert.doesNotMatch(contents, /<!--|<\/|url\(|@import/);
    }
    assert.equal(headers.get("cache-control"), "no-store");
    assert.doesNotMatch(text, /https?:|style=|\son\w+=/);
  });

  test("has a script below 32 kB that never parses text as HTML", () => {
    assert.ok(script.length < 32_000, `${script.length}`);
    assert.doesNotMatch(script, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(/);
  });

  test("formats numbers with units", () => {
    assert.deepEqual([0, 999, 1_000, 99_960, 123_456, 999_950, 7e9].map(bytesText), [
      "0 B",
      "999 B",
      "1.0 kB",
      "100 kB",
      "123 kB",
      "1.0 MB",
      "7.0 GB",
    ]);
    assert.deepEqual([900, 59_000, 61_000, 3_700_000, 9e7].map(ageText), [
      "0 s",
      "59 s",
      "1 min",
      "1 h 1 min",
      "1 d 1 h",
    ]);
  });
});
