import assert from "node:assert/strict";
import { test } from "node:test";
import { Logins } from "../../../src/gateway/users/logins.ts";
import { type OutsideQuestion, OutsideUsers } from "../../../src/gateway/users/outside_users.ts";
import { Cut } from "../../../src/net/cut.ts";
import { NetError } from "../../../src/net/error.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";

const octets = (text: string) => new TextEncoder().encode(text);
const HOME = "192.0.2.7", ELSEWHERE = "198.51.100.9";

/** Passwords are "NAME's"; what was asked for, and how to hold the answers back. */
function outside({ keepMs = 60_000, inside = [] as readonly string[] } = {}) {
  const clock = new TestClock();
  const asked: string[] = [];
  const state = { hold: false, broken: false };
  const held: (() => void)[] = [];
  const ask = async ({ user, password, client }: OutsideQuestion) => {
    asked.push(`${user} ${new TextDecoder().decode(password)} ${client}`);
    if (state.hold) await new Promise<void>((resolve) => held.push(resolve));
    if (state.broken) throw new NetError("busy", "Cannot ask: broken");
    return new TextDecoder().decode(password) === `${user}'s`;
  };
  const users = new OutsideUsers({
    ask,
    keepMs,
    settings: { maxFailures: 3, failuresExempt: [] },
    logins: new Logins({ clock }),
    inside: {
      has: (name) => inside.includes(name),
      verify: () => Promise.resolve({ good: false, waitMs: 7 }),
    },
  });
  const verify = (user: string, password = `${user}'s`, client = HOME, cut = new Cut()) =>
    users.verify({ username: octets(user), password: octets(password) }, client, cut);
  return { users, verify, asked, clock, state, held };
}

test("a good password stays cached for the configured time for all clients, and is then checked again", async () => {
  const { verify, asked, clock } = outside({ keepMs: 1_000 });
  assert.deepEqual(await verify("ann"), { good: true, fleeting: true });
  assert.equal((await verify("ann", "ann's", ELSEWHERE)).good, true);
  assert.deepEqual(asked, [`ann ann's ${HOME}`]);
  await clock.advance(1_000);
  assert.equal((await verify("ann")).good, true);
  assert.equal(asked.length, 2);
});

test("without a cache each password is checked, and a wrong password is checked each time", async () => {
  const { verify, asked } = outside({ keepMs: 0 });
  for (let i = 0; i < 3; i++) assert.equal((await verify("ann")).good, true);
  assert.equal(asked.length, 3);
  const other = outside();
  for (let i = 0; i < 2; i++) assert.equal((await other.verify("ann", "wrong")).good, false);
  assert.equal(other.asked.length, 2);
});

test("another password of a cached user is checked, and the cached one stays valid", async () => {
  const { verify, asked } = outside();
  await verify("ann");
  assert.equal((await verify("ann", "wrong")).good, false);
  assert.equal((await verify("ann")).good, true);
  assert.equal(asked.length, 2);
});

test("a client with too many wrong passwords causes no more checks, except that cached users can still log in from it", async () => {
  const { verify, asked } = outside();
  await verify("ann");
  for (const guess of ["1", "2", "3"]) assert.equal((await verify("bob", guess)).good, false);
  assert.equal(asked.length, 4);
  assert.deepEqual(await verify("bob"), { good: false, tooMany: true });
  assert.equal((await verify("ann")).good, true);
  assert.deepEqual(await verify("ann", "wrong"), { good: false, tooMany: true });
  assert.equal(asked.length, 4);
  assert.equal((await verify("bob", "bob's", ELSEWHERE)).good, true, "who comes from elsewhere is no guesser");
});

test("a check that fails refuses the login, and does not count as a wrong password", async () => {
  const { verify, state } = outside();
  state.broken = true;
  for (let i = 0; i < 5; i++) await assert.rejects(verify("ann"), NetError);
  state.broken = false;
  assert.equal((await verify("ann")).good, true);
});

test("at most four checks run at once, one for each client in fair turns, and equal checks run once", async () => {
  const { verify, asked, state, held } = outside();
  state.hold = true;
  const flood = Array.from({ length: 20 }, (_, i) => verify(`flood${i}`, "x", "203.0.113.1"));
  const twins = [verify("ann"), verify("ann")];
  const others = [2, 3, 4, 5].map((i) => verify(`user${i}`, undefined, `192.0.2.${i}`));
  await settle();
  assert.deepEqual(asked.map((line) => line.split(" ")[0]), ["flood0", "ann", "user2", "user3"]);
  held.shift()!();
  await settle();
  assert.equal(asked.at(-1)!.split(" ")[0], "user4", "and not the next of who has nineteen more");
  state.hold = false;
  while (held.length > 0) held.shift()!();
  assert.deepEqual((await Promise.all([...twins, ...others])).map(({ good }) => good), Array(6).fill(true));
  await Promise.all(flood);
});

test("a client that disconnects while it waits causes no check", async () => {
  const { verify, asked, state, held } = outside();
  state.hold = true;
  const first = verify("ann");
  const cut = new Cut();
  const second = verify("bob", undefined, HOME, cut);
  await settle();
  cut.make();
  await assert.rejects(second, (error) => error instanceof NetError && error.kind === "aborted");
  held.shift()!();
  await first;
  assert.equal(asked.length, 1);
});

test("users of the users file are not checked outside, and a name that is not UTF-8 is refused", async () => {
  const { users, verify, asked } = outside({ inside: ["root"] });
  assert.deepEqual(await verify("root"), { good: false, waitMs: 7 });
  const credentials = { username: Uint8Array.of(255), password: octets("x") };
  assert.equal((await users.verify(credentials, HOME, new Cut())).good, false);
  assert.deepEqual(asked, []);
});
