import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { Counters, countersMemory } from "../../../src/gateway/limits/counters.ts";
import type { FailureSettings } from "../../../src/gateway/limits/failures.ts";
import { Logins } from "../../../src/gateway/users/logins.ts";
import {
  costFactor,
  formatHash,
  hashPassword,
  parseHash,
  type PasswordHash,
  verifyPassword,
} from "../../../src/gateway/users/password_hash.ts";
import { Users } from "../../../src/gateway/users/users.ts";
import { Cut } from "../../../src/net/cut.ts";
import { NetError } from "../../../src/net/error.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";

const octets = (text: string) => new TextEncoder().encode(text);
const credentials = (username: string, password: string) => ({
  username: octets(username),
  password: octets(password),
});
const HOME = "192.0.2.7", ELSEWHERE = "198.51.100.9";

/** A hash at next to no cost. */
const CHEAP = parseHash("$scrypt$ln=1,r=1,p=1$c2FsdHNhbHQ$hbLJPk1KxrsX/wMu/fRcrDcJkNNjtFOwNqpGdfZxjcc")!;

interface Options {
  /** Whether the test says when a hashing is over. */
  readonly hold?: boolean;
  readonly settings?: Partial<FailureSettings>;
  readonly logins?: Logins;
}

/** Users whose passwords are "NAME's", by a hash that the test makes, and what was hashed. */
function usersOf(names: readonly string[], { hold, settings, logins: former }: Options = {}) {
  const clock = new TestClock();
  const hashed: string[] = [];
  const held: (() => void)[] = [];
  const check = async (password: Uint8Array, expected: PasswordHash) => {
    hashed.push(new TextDecoder().decode(password));
    if (hold) await new Promise<void>((resolve) => held.push(resolve));
    return new TextDecoder().decode(expected.hash) === new TextDecoder().decode(password);
  };
  const logins = former ?? new Logins({ clock, check });
  const hashes = new Map(names.map((name) => [name, { ...CHEAP, hash: octets(`${name}'s`) }]));
  const users = new Users(hashes, { logins, settings: { maxFailures: 10, failuresExempt: [], ...settings } });
  const login = (name: string, password: string, from = HOME, cut?: Cut) =>
    users.verify(credentials(name, password), from, cut);
  return { clock, hashed, held, logins, login };
}

const good = { good: true }, tooMany = { good: false, tooMany: true };
const wrong = (waitMs: number) => ({ good: false, waitMs });
const isAborted = (error: unknown) => error instanceof NetError && error.kind === "aborted";

describe("Users", () => {
  test("accept good credentials, and refuse wrong passwords and unknown names", async () => {
    const users = new Users(
      new Map([["alice", await hashPassword(octets("secret"))], ["bób", await hashPassword(octets("ünï"))]]),
    );
    for (
      const [name, password, good] of [
        ["alice", "secret", true],
        ["alice", "Secret", false],
        ["alice", "ünï", false],
        ["Alice", "secret", false],
        ["carol", "secret", false],
        ["", "", false],
        ["\ufeffalice", "secret", false],
        ["bób", "ünï", true],
      ] as const
    ) {
      assert.equal((await users.verify(credentials(name, password), HOME)).good, good, `${name} ${password}`);
    }
  });

  test("hash a good password once, and a wrong password each time", async () => {
    const { login, hashed } = usersOf(["ann"]);
    for (let i = 0; i < 3; i++) assert.deepEqual(await login("ann", "ann's"), good);
    assert.deepEqual(await login("ann", "ann's", ELSEWHERE), good);
    for (let i = 0; i < 2; i++) assert.deepEqual(await login("ann", "x"), wrong(0));
    assert.deepEqual(hashed, ["ann's", "x", "x"]);
  });

  test("hash for an unknown name too, at the highest cost of the users, so that the time reveals nothing", async () => {
    const costs: number[] = [];
    const check = (_: Uint8Array, expected: PasswordHash) => {
      costs.push(costFactor(expected));
      return Promise.resolve(false);
    };
    const costly = parseHash("$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")!;
    const users = new Users(new Map([["cheap", CHEAP], ["costly", costly]]), { logins: new Logins({ check }) });
    assert.equal((await users.verify(credentials("nobody", "x"), HOME)).good, false);
    assert.deepEqual(costs, [costFactor(costly)]);
  });

  test("hash once for simultaneous logins of one user", async () => {
    const { login, hashed, held } = usersOf(["ann"], { hold: true });
    const all = Array.from({ length: 300 }, () => login("ann", "ann's"));
    await settle();
    assert.deepEqual(hashed, ["ann's"]);
    held[0]!();
    assert.deepEqual(await Promise.all(all), Array(300).fill(good));
  });

  test("do not hash for a disconnected client, and count no failure for it", async () => {
    const { login, hashed, held } = usersOf(["ann"], { hold: true });
    const cuts = Array.from({ length: 50 }, () => new Cut());
    const left = cuts.map((cut, i) => assert.rejects(login("ann", `wrong ${i}`, HOME, cut), isAborted));
    await settle();
    for (const cut of cuts) cut.make();
    await Promise.all(left);
    held[0]!();
    await settle();
    assert.deepEqual(hashed, ["wrong 0"]);
    const after = login("ann", "ann's");
    await settle();
    held[1]!();
    assert.deepEqual(await after, good);
  });

  test("hash in turns: a client waits for at most one hash of each other client", async () => {
    const { login, hashed, held } = usersOf(["ann"], { hold: true });
    const guesses = Array.from({ length: 8 }, (_, i) => login("ann", `wrong ${i}`, HOME));
    const innocent = login("ann", "ann's", ELSEWHERE);
    await settle();
    assert.deepEqual(hashed, ["wrong 0", "ann's"], "two at once, but one of a client");
    held[1]!();
    assert.deepEqual(await innocent, good);
    held[0]!();
    for (let i = 2; i < 9; i++) {
      await settle();
      held[i]!();
    }
    assert.equal((await Promise.all(guesses)).length, 8);
  });

  test("stay cached in a new configuration with the same hash, and only then", async () => {
    const before = usersOf(["ann", "bob"]);
    for (const name of ["ann", "bob"]) await before.login(name, `${name}'s`);
    const { logins, hashed } = before;
    assert.deepEqual(await usersOf(["ann", "bob"], { logins }).login("ann", "ann's"), good);
    assert.deepEqual(hashed, ["ann's", "bob's"]);
    const without = usersOf(["bob"], { logins });
    assert.equal((await without.login("ann", "ann's")).good, false);
    assert.deepEqual(await without.login("bob", "bob's"), good);
    const changed = new Users(new Map([["ann", { ...CHEAP, hash: octets("another") }]]), { logins });
    assert.equal((await changed.verify(credentials("ann", "ann's"), HOME)).good, false);
  });

  test("distinguish passwords by their octets, even where scrypt does not", async () => {
    const long = "é".repeat(40), digest = createHash("sha256").update(long).digest();
    const hashes = new Map([["short", await hashPassword(octets("pw"))], ["long", await hashPassword(octets(long))]]);
    const users = new Users(hashes);
    const judged = async (name: string, password: Uint8Array) =>
      (await users.verify({ username: octets(name), password }, HOME)).good;
    for (const [name, password, same] of [["short", "pw", octets("pw\0")], ["long", long, digest]] as const) {
      assert.equal(await verifyPassword(same, hashes.get(name)!), true, "to scrypt they are one");
      assert.equal(await judged(name, same), false);
      assert.equal(await judged(name, octets(password)), true);
    }
  });
});

describe("Wrong passwords", () => {
  test("have increasing delays, and are then refused without a check until a minute has passed", async () => {
    const { login, clock, hashed } = usersOf(["ann"]);
    const verdicts = [];
    for (let i = 0; i < 12; i++) verdicts.push(await login("ann", `wrong ${i}`));
    const waits = [0, 0, 0, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500];
    assert.deepEqual(verdicts, [...waits.map(wrong), tooMany, tooMany]);
    assert.equal(hashed.length, 10);
    assert.deepEqual(await login("ann", "x", ELSEWHERE), wrong(0), "others may try");
    await clock.advance(120_000);
    assert.deepEqual(await login("ann", "ann's"), good);
  });

  test("have a delay of at most 5 s", async () => {
    const { login } = usersOf(["ann"], { settings: { maxFailures: 100 } });
    const verdicts = [];
    for (let i = 0; i < 40; i++) verdicts.push(await login("ann", `wrong ${i}`));
    assert.deepEqual(verdicts.at(-1), wrong(5_000));
  });

  test("are counted before more are checked, even if 300 arrive at once", async () => {
    const { login, hashed } = usersOf(["ann"]);
    const tries = Array.from({ length: 300 }, (_, i) => login("ann", `wrong ${i}`).catch((error) => error));
    const verdicts = await Promise.all(tries);
    assert.equal(hashed.length, 10);
    assert.equal(verdicts.filter((verdict) => verdict.waitMs !== undefined).length, 10);
  });

  test("for a cached user count at once, even if their clients disconnect, and the same password counts once", async () => {
    const { login, hashed, held } = usersOf(["ann"], { hold: true });
    const right = login("ann", "ann's", ELSEWHERE);
    await settle();
    held[0]!();
    await right;
    const same = Array.from({ length: 20 }, () => login("ann", "old", "203.0.113.1"));
    for (let i = 0; i < 10; i++) {
      const cut = new Cut();
      const left = assert.rejects(login("ann", `wrong ${i}`, HOME, cut), isAborted);
      cut.make();
      await left;
    }
    assert.deepEqual(await login("ann", "ann's"), tooMany, "a guess like any other");
    await settle();
    held.forEach((over) => over());
    assert.deepEqual(await Promise.all(same), Array(20).fill(wrong(0)));
    assert.deepEqual(hashed, ["ann's", "old"]);
    assert.deepEqual(await login("ann", "ann's", "203.0.113.1"), good);
  });

  test("for another user stay counted after a client's own login", async () => {
    const { login, hashed } = usersOf(["ann", "mallory"]);
    const verdicts = [];
    for (let i = 0; i < 60; i++) {
      verdicts.push(await login("ann", `wrong ${i}`));
      if (i % 2) assert.deepEqual(await login("mallory", "mallory's"), good);
    }
    assert.equal(hashed.filter((password) => password.startsWith("wrong")).length, 10);
    assert.deepEqual(verdicts.at(-1), tooMany);
  });

  test("for a user are forgotten after the user's login", async () => {
    const { login } = usersOf(["ann"]);
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 3; i++) assert.deepEqual(await login("ann", `wrong ${i}`), wrong(0));
      assert.deepEqual(await login("ann", "ann's"), good);
    }
  });

  test("do not block users who logged in from that client before, and block all other attempts", async () => {
    const { login, clock, hashed } = usersOf(["ann", "bob", "carol"]);
    for (const name of ["ann", "bob"]) await login(name, `${name}'s`);
    await login("carol", "carol's", ELSEWHERE);
    for (let i = 0; i < 10; i++) await login("mallory", `wrong ${i}`);
    const before = hashed.length;
    for (let i = 0; i < 3; i++) {
      for (const name of ["ann", "bob"]) assert.deepEqual(await login(name, `${name}'s`), good);
    }
    assert.deepEqual(await login("carol", "carol's"), tooMany, "she was never there before");
    assert.deepEqual(await login("ann", "guess"), tooMany);
    assert.equal(hashed.length, before);
    const waits = login("ann", "ann's");
    assert.equal(await Promise.race([waits, settle()]), undefined, "a wrong guess keeps the next one waiting");
    assert.deepEqual(await login("bob", "bob's"), good, "but nobody else");
    await clock.advance(500);
    assert.deepEqual(await waits, good);
  });

  test("of exempt clients are always checked, and those of other clients up to the limit", async () => {
    const settings = { maxFailures: 2, failuresExempt: [parsePrefix("192.0.2.0/24")!] };
    const { login, hashed } = usersOf(["ann"], { settings });
    for (let i = 0; i < 20; i++) await login("ann", `wrong ${i}`);
    assert.equal(hashed.length, 20);
    for (let i = 0; i < 5; i++) await login("ann", `wrong ${i}`, ELSEWHERE);
    assert.equal(hashed.length, 22);
  });

  test("are counted for an IPv6 /64 together", async () => {
    const { login, hashed } = usersOf(["ann"]);
    for (let i = 0; i < 30; i++) await login("ann", `wrong ${i}`, `2001:db8::${i + 1}`);
    assert.equal(hashed.length, 10);
    await login("ann", "x", "2001:db8:0:1::1");
    assert.equal(hashed.length, 11);
  });

  test("stay in memory during connections from 50,000 other IPv6 /64 prefixes", async () => {
    const memory = countersMemory(2, (size) => new SharedArrayBuffer(size));
    const [ofWorker, counters] = [new Counters(memory, 0), new Counters(memory, 1)];
    const clock = new TestClock();
    const logins = new Logins({ clock, counters, check: () => Promise.resolve(false) });
    const { login } = usersOf(["ann"], { logins });
    for (let i = 0; i < 10; i++) await login("ann", `wrong ${i}`);
    for (let i = 0; i < 50_000; i++) ofWorker.tally(`rate 2001:db8:0:${i.toString(16)}::/64`, 1_000, clock.now());
    assert.deepEqual(await login("ann", "x"), tooMany);
  });
});

describe("A password hash", () => {
  test("is salted, verifies, and round-trips through text", async () => {
    const [one, two] = [await hashPassword(octets("secret")), await hashPassword(octets("secret"))];
    assert.notDeepEqual(one.salt, two.salt);
    assert.notDeepEqual(one.hash, two.hash);
    const text = formatHash(one);
    assert.match(text, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    const parsed = parseHash(text)!;
    assert.equal(formatHash(parsed), text);
    assert.equal(await verifyPassword(octets("secret"), parsed), true);
    assert.equal(await verifyPassword(octets("secret "), parsed), false);
  });

  // RFC 7914 s12.
  for (
    const [password, salt, logCost, blockSize, parallelization, hash] of [
      ["", "", 4, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"],
      ["password", "NaCl", 10, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"],
      ["pleaseletmein", "SodiumChloride", 14, 8, 1, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"],
    ] as const
  ) {
    test(`is scrypt: RFC 7914 with N = 2^${logCost}`, async () => {
      const expected: PasswordHash = {
        logCost,
        blockSize,
        parallelization,
        salt: octets(salt),
        hash: Uint8Array.from(hash.match(/../g)!, (pair) => Number.parseInt(pair, 16)),
      };
      assert.equal(await verifyPassword(octets(password), expected), true);
      assert.equal(await verifyPassword(octets(`${password}x`), expected), false);
    });
  }

  test("of every accepted cost can be verified", async () => {
    for (const cost of ["ln=1,r=1,p=1", "ln=1,r=8,p=16", "ln=1,r=1,p=64", "ln=10,r=32,p=4", "ln=14,r=8,p=2"]) {
      const hash = parseHash(`$scrypt$${cost}$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA`);
      assert.ok(hash, cost);
      assert.equal(await verifyPassword(octets("x"), hash), false, cost);
    }
  });

  const SALT = "c2FsdHNhbHQ", HASH = "AAAAAAAAAAAAAAAAAAAAAA";
  for (
    const [what, text] of [
      ["nothing", ""],
      ["a password", "secret"],
      ["another scheme", `$argon2id$v=19$m=65536,t=3,p=4$${SALT}$${HASH}`],
      ["bcrypt", "$2b$12$abcdefghijklmnopqrstuuJk1gBPqMYPQK8Nz2e5mYxGHT9oA2oO6"],
      ["no cost", `$scrypt$$${SALT}$${HASH}`],
      ["cost 0", `$scrypt$ln=0,r=8,p=1$${SALT}$${HASH}`],
      ["block size 0", `$scrypt$ln=15,r=0,p=1$${SALT}$${HASH}`],
      ["parallelization 0", `$scrypt$ln=15,r=8,p=0$${SALT}$${HASH}`],
      ["1 GiB", `$scrypt$ln=20,r=8,p=1$${SALT}$${HASH}`],
      ["4 GiB", `$scrypt$ln=20,r=32,p=1$${SALT}$${HASH}`],
      ["minutes of work", `$scrypt$ln=18,r=8,p=16$${SALT}$${HASH}`],
      ["numbers beyond all bounds", `$scrypt$ln=99999,r=99999,p=99999$${SALT}$${HASH}`],
      ["a negative cost", `$scrypt$ln=-1,r=8,p=1$${SALT}$${HASH}`],
      ["a short hash", `$scrypt$ln=15,r=8,p=1$${SALT}$AAAA`],
      ["no hash", `$scrypt$ln=15,r=8,p=1$${SALT}$`],
      ["no salt", `$scrypt$ln=15,r=8,p=1$$${HASH}`],
      ["padding", `$scrypt$ln=15,r=8,p=1$${SALT}=$${HASH}==`],
      ["a tail", `$scrypt$ln=15,r=8,p=1$${SALT}$${HASH}$x`],
      ["a line end", `$scrypt$ln=15,r=8,p=1$${SALT}$${HASH}\n`],
      ["a blank before", ` $scrypt$ln=15,r=8,p=1$${SALT}$${HASH}`],
      ["its fields in another order", `$scrypt$r=8,ln=15,p=1$${SALT}$${HASH}`],
    ] as const
  ) {
    test(`is not ${what}`, () => assert.equal(parseHash(text), undefined));
  }
});
