import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { answerOf, questionLine } from "../../../src/cli/authority/command_line.ts";
import { CommandPool } from "../../../src/cli/authority/command_pool.ts";
import { NetError } from "../../../src/net/error.ts";
import { TestClock } from "../../support/memory/test_clock.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("command_pool_test.ts", process.platform === "win32" && "it needs a shell");
const folder = temporaryFolder("authority");
const bytes = (text: string) => new TextEncoder().encode(text);

/** A helper that does what the name of the user says, and notes that it was begun. */
function helper(): { readonly command: readonly string[]; begun(): number } {
  const path = join(folder, "helper.sh"), started = join(folder, "started");
  writeFileSync(started, "");
  writeFileSync(
    path,
    `#!/bin/sh
echo x >>"$1"
while read -r user password; do
  case $user in
    ann) [ "$password" = p%C3%A4%20%25ss ] && echo OK || echo "ERR no such password" ;;
    hangs) : ;;
    dies) exit 1 ;;
    lies) echo MAYBE ;;
    floods) yes yes | head -c 100000 | tr -d '\\n' ;;
    twice) printf 'ERR\\nOK\\n' ;;
    late) echo ERR; sleep 0.05; echo OK ;;
  esac
done
`,
  );
  chmodSync(path, 0o755);
  return { command: [path, started], begun: () => readFileSync(started, "utf8").split("\n").length - 1 };
}

async function pool(use: (pool: CommandPool, clock: TestClock, begun: () => number) => Promise<void>): Promise<void> {
  const { command, begun } = helper(), clock = new TestClock(), one = new CommandPool(command, clock);
  try {
    await use(one, clock, begun);
  } finally {
    one.close();
    await clock.advance(60_000);
    await until("all processes are gone", () => one.size === 0);
  }
}

const question = (user: string, password = "pä %ss") => ({ user, password: bytes(password), client: "192.0.2.1" });

const failure = (pattern: RegExp) => (error: unknown) =>
  error instanceof NetError && error.kind === "busy" && pattern.test(error.message) && !/p.*ss/.test(error.message);

test("a query line encodes special octets of a password as %XX", () => {
  assert.equal(questionLine("a b", Uint8Array.of(0, 10, 13, 37, 255)), "a%20b %00%0A%0D%25%FF\n");
  assert.deepEqual(["OK", "OK tag=1", "ERR", "ERR message=x", "BH", "", "OKAY", "ok"].map(answerOf), [
    ...[true, true, false, false],
    ...[undefined, undefined, undefined, undefined],
  ]);
});

test(
  "one process answers queries in sequence, and concurrent queries start more processes",
  { skip },
  async () => {
    await pool(async ({ ask }, _clock, begun) => {
      assert.equal(await ask(question("ann")), true);
      assert.equal(await ask(question("ann", "wrong")), false);
      assert.equal(begun(), 1);
      assert.deepEqual(await Promise.all([ask(question("ann")), ask(question("ann", "no")), ask(question("ann"))]), [
        ...[true, false, true],
      ]);
      assert.equal(begun(), 3);
    });
  },
);

test(
  "a process is killed at its deadline, or when it exits, sends malformed or excess output",
  { skip },
  async () => {
    const ways = [
      ["hangs", /has not answered for 5 s/],
      ["dies", /it has ended/],
      ["lies", /neither OK nor ERR/],
      ["floods", /more than a line/],
      ["twice", /more than a line/],
    ] as const;
    for (const [user, state] of ways) {
      await pool(async (one, clock, begun) => {
        const asked = assert.rejects(one.ask(question(user)), failure(state), user);
        await until("it has begun", () => begun() === 1);
        if (user === "hangs") await clock.advance(5_000);
        await asked;
        assert.equal(one.size, 0, user);
        await assert.rejects(one.ask(question("ann")), failure(/it has just failed/), "no storm of processes");
        assert.equal(begun(), 1);
        await clock.advance(1_000);
        assert.equal(await one.ask(question("ann")), true, user);
      });
    }
  },
);

test("an unsolicited line ends the process, so that no later query gets that answer", { skip }, async () => {
  await pool(async (one) => {
    assert.equal(await one.ask(question("late")), false);
    await until("it is gone", () => one.size === 0);
    assert.equal(await one.ask(question("ann", "wrong")), false);
  });
});

test("an idle process is stopped", { skip }, async () => {
  await pool(async (one, clock) => {
    assert.equal(await one.ask(question("ann")), true);
    assert.equal(one.size, 1);
    await clock.advance(60_000);
    await until("it is gone", () => one.size === 0);
  });
});

test("a missing program is an error, not a refusal", async () => {
  const one = new CommandPool([join(folder, "nothing")], new TestClock());
  await assert.rejects(one.ask(question("ann")), failure(/cannot be begun|has ended/));
});
