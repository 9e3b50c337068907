import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Asked, type Ear, heardLookup, heardTransport } from "../../src/dns/asked.ts";
import { Cache } from "../../src/dns/cache.ts";
import type { DnsReply } from "../../src/dns/servers/message.ts";
import { Cut } from "../../src/net/cut.ts";
import { NetError } from "../../src/net/error.ts";
import { FairQueue, THE_GATEWAY } from "../../src/turns/fair_queue.ts";
import { TestClock } from "../support/memory/test_clock.ts";

function ear(): Ear & { readonly heard: Asked[] } {
  const heard: Asked[] = [];
  return { heard, asked: (asked) => void heard.push(asked), cached: () => {} };
}

const reply = (rcode: number): DnsReply => ({ rcode, truncated: false, answers: [], authorities: [], whole: true });

async function outcome(ask: (cut: Cut) => Promise<DnsReply>, cut = new Cut()): Promise<string> {
  const hears = ear();
  const transport = heardTransport({ name: "x", ask: (_, cut) => ask(cut), close: () => {} }, "tls", hears);
  await transport.ask({ name: "secret.example", type: "A" }, cut).catch(() => {});
  const [asked, ...others] = hears.heard;
  assert.deepEqual(others, []);
  assert.equal(asked!.by, "tls");
  assert.ok(asked!.ms >= 0);
  assert.doesNotMatch(JSON.stringify(asked), /secret/);
  return asked!.outcome;
}

describe("heardTransport()", () => {
  for (const [rcode, expected] of [[0, "found"], [3, "none"], [2, "failed"], [5, "failed"]] as const) {
    test(`reports rcode ${rcode} as ${expected}`, async () => {
      assert.equal(await outcome(() => Promise.resolve(reply(rcode))), expected);
    });
  }

  test("reports a failure as failed, and a cancelled query as called-off", async () => {
    assert.equal(await outcome(() => Promise.reject(new NetError("refused", "x"))), "failed");
    const cut = new Cut();
    cut.make();
    assert.equal(await outcome(() => Promise.reject(new NetError("aborted", "x")), cut), "called-off");
  });
});

test("heardLookup() counts a nonexistent name as an answer, and a cancelled lookup as neither", async () => {
  for (
    const [error, expected] of [
      [new NetError("no-such-name", "x"), "none"],
      [new Error("EAI_AGAIN"), "failed"],
      [new NetError("aborted", "x"), "called-off"],
      [new NetError("busy", "x"), "called-off"],
    ] as const
  ) {
    const hears = ear();
    await assert.rejects(heardLookup(hears, () => Promise.reject(error)), error);
    assert.deepEqual(hears.heard.map(({ by, outcome }) => [by, outcome]), [["system", expected]]);
  }
});

test("the cache reports hit or miss for each query", async () => {
  const clock = new TestClock();
  const told: string[] = [];
  const bounds = { all: 1, client: 1, user: 1 };
  const cache = new Cache(
    clock,
    10,
    new FairQueue("ask", bounds, bounds),
    () => Promise.resolve({ value: 1, ttlMs: 10_000 }),
    (outcome) => told.push(outcome),
  );
  await cache.get("a", THE_GATEWAY);
  await cache.get("a", THE_GATEWAY);
  await clock.advance(20_000);
  await cache.get("a", THE_GATEWAY);
  assert.deepEqual(told, ["miss", "hit", "stale"]);
});
