import assert from "node:assert/strict";
import { test } from "node:test";
import { askingUsers } from "../../../src/cli/workers/asking_users.ts";
import { Counters } from "../../../src/gateway/limits/counters.ts";
import { Failures } from "../../../src/gateway/limits/failures.ts";
import { Cut } from "../../../src/net/cut.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

test("a worker remembers accepted credentials until a wrong password, which the main thread counts first", async () => {
  const asked: string[] = [];
  const failures = new Failures(new Counters(), new TestClock(), { maxFailures: 10, failuresExempt: [] });
  const users = askingUsers(({ password }) => {
    asked.push(new TextDecoder().decode(password));
    return Promise.resolve({ good: asked.at(-1) === "right" });
  }, failures);
  const octets = (text: string) => new TextEncoder().encode(text);
  const login = (password: string) =>
    users.verify({ username: octets("ann"), password: octets(password) }, "192.0.2.7", new Cut());
  for (let i = 0; i < 3; i++) assert.equal((await login("right")).good, true);
  assert.deepEqual(asked, ["right"]);
  await Promise.all(["guess", "right", "guess"].map(login));
  assert.deepEqual(asked, ["right", "guess", "right", "guess"]);
});
