import assert from "node:assert/strict";
import { test } from "node:test";
import { quotaWindow } from "../../../src/gateway/quotas/quota.ts";
import { QuotaMeter } from "../../../src/gateway/quotas/quota_meter.ts";

const window = (period: Parameters<typeof quotaWindow>[0], now: string, since?: string) => {
  const found = quotaWindow(period, Date.parse(now), since === undefined ? undefined : Date.parse(since));
  return [new Date(found.since).toISOString(), new Date(found.until).toISOString()];
};

test("the day and month periods are calendar periods in UTC", () => {
  assert.deepEqual(window("day", "2026-12-31T23:59:59.999Z"), ["2026-12-31T00:00:00.000Z", "2027-01-01T00:00:00.000Z"]);
  assert.deepEqual(window("day", "2026-12-31T00:00:00Z"), ["2026-12-31T00:00:00.000Z", "2027-01-01T00:00:00.000Z"]);
  assert.deepEqual(window("month", "2028-02-29T12:00:00Z"), ["2028-02-01T00:00:00.000Z", "2028-03-01T00:00:00.000Z"]);
});

test("a period of a fixed length begins at its first octet, and restarts after its end", () => {
  const hour = 3_600_000;
  const [since, now, later] = ["2026-12-01T10:20:00.000Z", "2026-12-01T11:19:59.999Z", "2026-12-01T11:20:00.000Z"];
  assert.deepEqual(window(hour, now, since), [since, later]);
  assert.deepEqual(window(hour, later, since), [later, "2026-12-01T12:20:00.000Z"]);
  assert.deepEqual(window(hour, since, later), [since, later], "a clock that was set back");
});

test("a meter reports each octet once, for open sessions and for sessions that ended since the last report", () => {
  const meter = new QuotaMeter();
  const one = { username: "ann", counts: { up: 0, down: 0 } }, other = { username: "ann", counts: { up: 0, down: 0 } };
  const bob = { username: "bob", counts: { up: 0, down: 0 } };
  const [end, endOther] = [one, other, bob].map((session) => meter.count(session));
  assert.deepEqual(meter.take(), []);
  one.counts.up = 10;
  other.counts.down = 5;
  bob.counts.down = 1;
  assert.deepEqual(meter.take(), [{ user: "ann", bytes: 15 }, { user: "bob", bytes: 1 }]);
  one.counts.up = 30;
  end!();
  end!();
  other.counts.up = 2;
  assert.deepEqual(meter.take(), [{ user: "ann", bytes: 22 }]);
  endOther!();
  assert.deepEqual(meter.take(), []);
});
