import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdminAccess } from "../../src/admin/access.ts";
import { type Act, adminApp } from "../../src/admin/app.ts";
import type { Status } from "../../src/admin/status.ts";
import { adminSource, quiet, ready } from "../support/memory/admin_source.ts";

const token = "0123456789abcdef";
const bearer = `Bearer ${token}`;
const password = (name: string, password: string) => `Basic ${btoa(`${name}:${password}`)}`;
const none = { sessions: 0, total: 0, up: 0, down: 0 };
const status: Status = {
  parts: ready.parts,
  sessionCount: 0,
  matchCount: 0,
  sessions: [],
  failures: [],
  relays: { A: none, B: none, C: none, D: none },
  clients: 0,
  failed: 0,
  version: "1.2.3",
  engine: "linux",
  workers: 1,
  upMs: 0,
  listeners: [],
  certificates: [],
  upstreams: [],
  ...quiet,
};

/** The answer to `what`, and what the program was made to do. */
async function answer(
  access: AdminAccess,
  what: string,
  credentials?: string,
  host = "127.0.0.1:10846",
  headers: Readonly<Record<string, string>> = {},
) {
  const [method, path] = what.split(" ");
  const done: string[] = [], acts: Act[] = [];
  const app = adminApp(
    adminSource({
      status: ({ most }) => Promise.resolve({ ...status, sessionCount: most }),
      endSessions: (unwanted) => {
        const [[what, value]] = Object.entries(unwanted) as [[string, string | number]];
        done.push(`end ${what} ${value}`);
        return Promise.resolve(value === 8 ? 0 : 3);
      },
      reload: () => Promise.resolve(done.push("reload") > 0 ? ["line 3 is wrong"] : []),
      drain: () => void done.push("drain"),
      acted: (act) => void acts.push(act),
    }),
    access,
  );
  const response = await app.request(`http://${host}${path}`, {
    method,
    headers: { ...credentials !== undefined && { authorization: credentials }, ...headers },
  }, { from: "192.0.2.7" });
  const asks = response.headers.get("www-authenticate");
  return { code: response.status, text: await response.text(), done, acts, asks };
}

const changes = ["DELETE /api/sessions/7", "DELETE /api/sessions?user=ann", "POST /reload", "POST /drain"];

describe("Without a token, the admin endpoint", () => {
  test("answers every read from this host, and refuses every change", async () => {
    for (const what of ["GET /healthz", "GET /readyz", "GET /metrics", "GET /api/status"]) {
      assert.equal((await answer({ exposed: false }, what)).code, 200, what);
    }
    for (const what of changes) {
      const { code, text, done } = await answer({ exposed: false }, what);
      assert.equal(code, 403, what);
      assert.match(text, /--admin-token-file is not set/);
      assert.deepEqual(done, []);
    }
  });

  test("gives other hosts only /healthz and /readyz: metrics may contain user names", async () => {
    for (const what of ["GET /healthz", "GET /readyz"]) {
      assert.equal((await answer({ exposed: true }, what)).code, 200, what);
    }
    for (const what of ["GET /", "GET /api/status", "GET /metrics"]) {
      const { code, text } = await answer({ exposed: true }, what);
      assert.equal(code, 403, what);
      assert.match(text, /--admin-token-file is not set/);
    }
  });

  test("answers every read on its unix socket, and refuses every change", async () => {
    const access = { exposed: false, unix: true };
    assert.equal((await answer(access, "GET /api/status", undefined, "gate46")).code, 200);
    assert.equal((await answer(access, "POST /drain")).code, 403);
  });

  test("refuses a Host field that is not this host (DNS rebinding)", async () => {
    for (const host of ["evil.example", "evil.example:10846", "127.0.0.1.evil.example"]) {
      for (const what of ["GET /", "GET /api/status", "GET /metrics"]) {
        assert.equal((await answer({ exposed: false }, what, undefined, host)).code, 403, host);
      }
    }
    for (const host of ["localhost", "127.0.0.1", "[::1]:10846"]) {
      assert.equal((await answer({ exposed: false }, "GET /api/status", undefined, host)).code, 200, host);
    }
  });
});

describe("With a token, the admin endpoint", () => {
  const access = { token, exposed: true };

  test("gives health without the token, and everything else with the token", async () => {
    for (const what of ["GET /healthz", "GET /readyz"]) assert.equal((await answer(access, what)).code, 200);
    for (const what of ["GET /metrics", "GET /api/status"]) {
      assert.equal((await answer(access, what)).code, 401);
      assert.equal((await answer(access, what, "Bearer 0123456789abcdeF")).code, 401);
      assert.equal((await answer(access, what, bearer, "gate46.example")).code, 200);
    }
  });

  test("makes changes with the token only", async () => {
    for (const what of changes) assert.deepEqual(await answer(access, what).then(({ done }) => done), []);
    assert.deepEqual((await answer(access, "DELETE /api/sessions/7", bearer)).done, ["end id 7"]);
    const none = await answer(access, "DELETE /api/sessions/8", bearer);
    assert.equal(none.code, 404);
    assert.match(none.text, /Cannot end session 8: there is none/);
    const ofAnn = await answer(access, "DELETE /api/sessions?user=ann", bearer);
    assert.deepEqual([ofAnn.text, ofAnn.done], ['{"ended":3}', ["end user ann"]]);
    const ofClient = await answer(access, "DELETE /api/sessions?client=2001:DB8:0::7", bearer);
    assert.deepEqual(ofClient.done, ["end client 2001:db8::7"]);
    for (const query of ["", "?user=ann&client=192.0.2.1", "?client=", "?client=ann"]) {
      const { code, done } = await answer(access, `DELETE /api/sessions${query}`, bearer);
      assert.deepEqual([code, done], [400, []], query);
    }
    const { code, text } = await answer(access, "POST /reload", bearer);
    assert.equal(code, 409);
    assert.match(text, /line 3 is wrong/);
    assert.equal((await answer(access, "POST /drain", bearer)).code, 202);
  });

  test("accepts the token as a Basic password with any user name, or as a bearer token", async () => {
    for (const right of [password("", token), password("ann", token), bearer]) {
      for (const what of ["GET /", "GET /api/status", "GET /metrics"]) {
        assert.equal((await answer(access, what, right)).code, 200, what);
      }
    }
    for (
      const wrong of [
        undefined,
        password(token, ""),
        password("", ""),
        password("ann", `${token}0`),
        password("ann", token.slice(1)),
        `Basic ${token}`,
        "Basic",
        "Bearer",
        "Bearer 0123456789abcdeF",
      ]
    ) {
      const page = await answer(access, "GET /", wrong);
      assert.deepEqual([page.code, page.asks], [401, 'Basic realm="gate46"'], wrong ?? "nothing");
      assert.match(page.text, /the password is the token of --admin-token-file/);
      const status = await answer(access, "GET /api/status", wrong);
      assert.ok(status.code === 401 || status.code === 400, wrong ?? "nothing");
      assert.match(status.asks!, /^Bearer/, "no dialog of the browser from a script");
    }
  });

  test("refuses changes with a Basic password: a browser adds it to requests of other sites (CSRF)", async () => {
    for (const what of changes) {
      const { code, done } = await answer(access, what, password("ann", token));
      assert.ok(code === 401 || code === 400, what);
      assert.deepEqual(done, []);
    }
  });

  test("refuses changes from a page of another site, even with the token", async () => {
    const others: readonly Readonly<Record<string, string>>[] = [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", origin: "http://127.0.0.1:10846" },
      { origin: "http://evil.example" },
      { origin: "http://127.0.0.1:8080" },
      { origin: "null" },
    ];
    for (const what of changes) {
      for (const headers of others) {
        const { code, text, done } = await answer(access, what, bearer, undefined, headers);
        assert.deepEqual([code, done], [403, []], JSON.stringify(headers));
        assert.match(text, /a page of another site asks for it/);
      }
    }
    const own: readonly Readonly<Record<string, string>>[] = [
      { "sec-fetch-site": "same-origin", origin: "http://127.0.0.1:10846" },
      { "sec-fetch-site": "none" },
      { origin: "https://127.0.0.1:10846" }, // TLS may end before it
    ];
    for (const headers of own) {
      assert.deepEqual((await answer(access, "POST /drain", bearer, undefined, headers)).done, ["drain"]);
    }
  });

  test("logs each change with its client and result, and logs no refused change", async () => {
    const acts = async (what: string, credentials?: string) => (await answer(access, what, credentials)).acts;
    const by = "192.0.2.7";
    assert.deepEqual(await acts("DELETE /api/sessions/7", bearer), [{ by, what: "end session 7", result: "3 ended" }]);
    assert.deepEqual(await acts("DELETE /api/sessions/8", bearer), [{ by, what: "end session 8", result: "0 ended" }]);
    assert.deepEqual(await acts("DELETE /api/sessions?user=ann", bearer), [
      { by, what: "end sessions of user ann", result: "3 ended" },
    ]);
    assert.deepEqual(await acts("DELETE /api/sessions?client=2001:DB8::7", bearer), [
      { by, what: "end sessions of client 2001:db8::7", result: "3 ended" },
    ]);
    assert.deepEqual(await acts("POST /reload", bearer), [{ by, what: "reload", result: "refused: line 3 is wrong" }]);
    assert.deepEqual(await acts("POST /drain", bearer), [{ by, what: "drain", result: "draining" }]);
    for (const what of changes) assert.deepEqual(await acts(what), []);
  });

  test("tells each client whether it may make changes", async () => {
    const may = async (credentials: string) =>
      JSON.parse((await answer(access, "GET /api/status", credentials)).text).access;
    assert.deepEqual([await may(bearer), await may(password("", token))], [{ mayChange: true }, { mayChange: false }]);
  });

  test("returns the history of a minute or a day", async () => {
    for (const [query, length] of [["", 60], ["?span=minute", 60], ["?span=day", 1_440]] as const) {
      const { code, text } = await answer(access, `GET /api/history${query}`, bearer);
      assert.deepEqual([code, JSON.parse(text).values.clients.length], [200, length], query);
    }
    assert.equal((await answer(access, "GET /api/history?span=week", bearer)).code, 400);
    assert.equal((await answer(access, "GET /api/history")).code, 401);
  });

  test("refuses other methods and malformed session numbers", async () => {
    for (const what of ["GET /drain", "GET /reload", "POST /api/status", "GET /api/sessions"]) {
      assert.equal((await answer(access, what, bearer)).code, 405, what);
    }
    assert.equal((await answer(access, "DELETE /api/sessions/x", bearer)).code, 404);
  });

  test("returns the requested number of sessions", async () => {
    const count = async (query: string) =>
      JSON.parse((await answer(access, `GET /api/status${query}`, bearer)).text).sessionCount;
    assert.equal(await count("?sessions=5"), 5);
    for (const query of ["", "?sessions=-1", "?sessions=x"]) assert.equal(await count(query), 1_000);
  });
});
