import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mostOfAll, Usage } from "../../src/admin/usage/usage.ts";
import type { SessionRecord } from "../../src/events.ts";
import { sessionRecord } from "../support/memory/session_record.ts";

function start() {
  let now = 0;
  const usage = new Usage(() => now);
  const end = (changes: Partial<SessionRecord>) =>
    usage.listen({ type: "session-closed", session: sessionRecord(changes) });
  return { usage, end, at: (ms: number) => void (now = ms) };
}

const by = (host: string, up: number, changes: Partial<SessionRecord> = {}) => ({
  client: { host, port: 1 },
  counts: { up, down: 0 },
  ...changes,
});
const names = (used: readonly { readonly name: string }[]) => used.map(({ name }) => name);

describe("The top users", () => {
  test("are sorted by bytes of ended and open sessions, then by name", () => {
    const { usage, end } = start();
    const destination = { type: 3, host: "example.org", port: 443 } as const;
    end(by("192.0.2.1", 10, { username: "ann", destination }));
    end(by("192.0.2.1", 20, { username: "ann", end: "refused", reply: 2, destination }));
    end(by("192.0.2.3", 5));
    const { clients, users, destinations } = usage.most([
      sessionRecord(by("192.0.2.2", 5)),
      sessionRecord(by("192.0.2.4", 100, { username: "bob" })),
    ]);
    assert.deepEqual(names(clients), ["192.0.2.4", "192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert.deepEqual(users, [
      { name: "bob", sessions: 1, failed: 0, up: 100, down: 0 },
      { name: "ann", sessions: 2, failed: 1, up: 30, down: 0 },
    ]);
    assert.deepEqual(destinations, [{ name: "example.org", sessions: 2, failed: 1, up: 30, down: 0 }]);
  });

  test("cover the last 5 to 10 minutes", () => {
    const { usage, end, at } = start();
    at(1_000_000);
    end(by("192.0.2.1", 1));
    at(1_299_000);
    assert.deepEqual(names(usage.most([]).clients), ["192.0.2.1"]);
    at(1_300_000);
    end(by("192.0.2.2", 1));
    assert.deepEqual(names(usage.most([]).clients), ["192.0.2.1", "192.0.2.2"]);
    at(1_600_000);
    assert.deepEqual(names(usage.most([]).clients), ["192.0.2.2"]);
    at(3_000_000);
    assert.deepEqual(names(usage.most([]).clients), []);
  });

  test("are kept for a limited number of names; many small users do not evict a large one", () => {
    const { usage, end } = start();
    end(by("192.0.2.1", 1_000_000));
    for (let i = 0; i < 20_000; i++) end(by(`2001:db8::${i.toString(16)}`, 1));
    const { clients } = usage.most([]);
    assert.equal(clients[0]!.name, "192.0.2.1");
    assert.equal(clients.length, 40);
  });

  test("leave out user names of failed authentications", () => {
    const { usage, end } = start();
    end(by("192.0.2.1", 0, { username: "ann", end: "authentication-failed" }));
    assert.deepEqual([names(usage.most([]).users), names(usage.most([]).clients)], [[], ["192.0.2.1"]]);
  });

  test("are added up over threads", () => {
    const used = (up: number) => {
      const { usage, end } = start();
      end(by("192.0.2.1", up));
      return usage.most([]);
    };
    assert.deepEqual(mostOfAll([used(3), used(4)]).clients, [
      { name: "192.0.2.1", sessions: 2, failed: 0, up: 7, down: 0 },
    ]);
    assert.deepEqual(mostOfAll([]), { clients: [], users: [], destinations: [] });
  });
});
