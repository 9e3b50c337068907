import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError } from "../../../src/config/config_error.ts";
import type { Quota } from "../../../src/gateway/quotas/quota.ts";
import { quotaFile, type QuotaStore, type Used } from "../../../src/cli/quotas/quota_file.ts";
import { QuotaLedger, SAVE_MS } from "../../../src/cli/quotas/quota_ledger.ts";
import { TestClock } from "../../support/memory/test_clock.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const day = 86_400_000;
const quotas = new Map<string, Quota>([["ann", { bytes: 100, period: "day" }], ["bob", { bytes: 50, period: day }]]);

/** A file in memory, as several programs see it. */
function memory() {
  let kept: ReadonlyMap<string, Used> = new Map();
  let writes = 0;
  const store: QuotaStore = {
    load: () => kept,
    save(used) {
      kept = new Map(used);
      writes++;
    },
  };
  return {
    store,
    get kept() {
      return kept;
    },
    get writes() {
      return writes;
    },
  };
}

function open(store: QuotaStore, at = { now: Date.UTC(2026, 0, 1, 12) }) {
  const clock = new TestClock();
  const failures: unknown[] = [];
  const ledger = new QuotaLedger({ store, clock, now: () => at.now, failed: (error) => failures.push(error) }, quotas);
  const told: string[][] = [];
  ledger.onChange((usedUp) => told.push(Array.from(usedUp, ([user, until]) => `${user} ${until}`)));
  return { ledger, clock, told, at, failures };
}

test("a used-up quota blocks the user until the period ends, and is reported once", async () => {
  const { ledger, clock, told, at } = open(memory().store);
  ledger.add([{ user: "ann", bytes: 99 }, { user: "bob", bytes: 50 }]);
  assert.deepEqual(told, [["bob 2026-01-02T12:00:00.000Z"]]);
  ledger.add([{ user: "ann", bytes: 1 }, { user: "bob", bytes: 7 }]);
  assert.deepEqual(told.at(-1), ["ann 2026-01-02T00:00:00.000Z", "bob 2026-01-02T12:00:00.000Z"]);
  at.now = Date.UTC(2026, 0, 2);
  await clock.advance(SAVE_MS);
  assert.deepEqual(told.at(-1), ["bob 2026-01-02T12:00:00.000Z"]);
  at.now = Date.UTC(2026, 0, 2, 12);
  await clock.advance(SAVE_MS);
  assert.deepEqual(told.at(-1), []);
  assert.equal(told.length, 4);
  ledger.close();
  assert.equal(clock.pending, 0);
});

test("usage is saved within SAVE_MS, at once when a quota is reached, and only if it changed", async () => {
  const file = memory();
  const { ledger, clock } = open(file.store);
  ledger.add([{ user: "ann", bytes: 10 }]);
  assert.equal(file.writes, 0);
  await clock.advance(SAVE_MS);
  assert.equal(file.kept.get("ann")!.bytes, 10);
  await clock.advance(3 * SAVE_MS);
  assert.equal(file.writes, 1);
  ledger.add([{ user: "ann", bytes: 90 }]);
  assert.equal(file.writes, 2);
  assert.equal(open(file.store).ledger.views[0]!.used, 100);
  assert.deepEqual([...open(file.store).ledger.usedUp.keys()], ["ann"], "also after a kill -9");
});

test("two programs with one file, as in an upgrade, add up their usage", async () => {
  const file = memory();
  const [former, next] = [open(file.store), open(file.store)];
  former.ledger.add([{ user: "ann", bytes: 40 }]);
  next.ledger.add([{ user: "ann", bytes: 50 }]);
  await former.clock.advance(SAVE_MS);
  await next.clock.advance(SAVE_MS);
  former.ledger.add([{ user: "ann", bytes: 10 }]);
  former.ledger.close();
  assert.equal(file.kept.get("ann")!.bytes, 100);
});

test("the file drops users after their period, so that it does not grow", async () => {
  const file = memory();
  const { ledger, clock, at } = open(file.store);
  ledger.configure(new Map(Array.from({ length: 500 }, (_, i) => [`user${i}`, { bytes: 1e9, period: "day" }])));
  ledger.add(Array.from({ length: 500 }, (_, i) => ({ user: `user${i}`, bytes: 1 })));
  await clock.advance(SAVE_MS);
  assert.equal(file.kept.size, 500);
  ledger.configure(quotas);
  at.now += day;
  ledger.add([{ user: "ann", bytes: 1 }, { user: "user7", bytes: 1 }]);
  await clock.advance(SAVE_MS);
  assert.deepEqual([...file.kept.keys()], ["ann"]);
});

test("a file that cannot be written loses no usage, and is reported once", async () => {
  const file = memory();
  let full = true;
  const { ledger, clock, failures } = open({
    load: () => file.store.load(),
    save(used) {
      if (full) throw Object.assign(new Error("full"), { code: "ENOSPC" });
      file.store.save(used);
    },
  });
  ledger.add([{ user: "ann", bytes: 10 }]);
  await clock.advance(2 * SAVE_MS);
  assert.equal(failures.length, 1);
  full = false;
  await clock.advance(SAVE_MS);
  assert.equal(file.kept.get("ann")!.bytes, 10);
});

test("the file is replaced atomically, is readable by its owner only, and wrong content is refused", () => {
  const folder = temporaryFolder("quotas");
  const path = join(folder, "quotas.json");
  const store = quotaFile(path);
  assert.equal(store.load().size, 0);
  store.save(new Map([["ann", { since: 1, until: 2, bytes: 3 }]]));
  assert.deepEqual([...quotaFile(path).load()], [["ann", { since: 1, until: 2, bytes: 3 }]]);
  assert.deepEqual(readdirSync(folder), ["quotas.json"]);
  const whole = readFileSync(path, "utf8");
  for (
    const text of ["", whole.slice(0, 20), "[]", `{"version":2,"users":{}}`, whole.replace(`"bytes":3`, `"bytes":-1`)]
  ) {
    writeFileSync(path, text);
    assert.throws(
      () => store.load(),
      (error) => error instanceof ConfigError && /--quota-file/.test(error.message),
      text,
    );
  }
});
