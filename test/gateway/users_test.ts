import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  formatHash,
  hashPassword,
  parseHash,
  type PasswordHash,
  verifyPassword,
} from "../../src/gateway/password_hash.ts";
import { Users } from "../../src/gateway/users.ts";

const octets = (text: string) => new TextEncoder().encode(text);
const credentials = (username: string, password: string) => ({
  username: octets(username),
  password: octets(password),
});
const wanted = () => true;

/** 'secret' at next to no cost, so that only what is meant to cost something does. */
const CHEAP = parseHash("$scrypt$ln=1,r=1,p=1$c2FsdHNhbHQ$hbLJPk1KxrsX/wMu/fRcrDcJkNNjtFOwNqpGdfZxjcc");

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

describe("Users", () => {
  test("know good credentials, wrong ones and unknown names", async () => {
    const users = new Users(
      new Map([["alice", await hashPassword(octets("secret"))], ["bób", await hashPassword(octets("ünï"))]]),
    );
    for (
      const [name, password, good] of [
        ["alice", "secret", true],
        ["alice", "Secret", false],
        ["alice", "", false],
        ["alice", "ünï", false],
        ["Alice", "secret", false],
        ["carol", "secret", false],
        ["", "", false],
        ["bób", "ünï", true],
      ] as const
    ) {
      assert.equal(await users.verify(credentials(name, password), wanted), good, `${name} ${password}`);
    }
  });

  test("hash a good password once, and a wrong one each time", async () => {
    const users = new Users(new Map([["alice", await hashPassword(octets("secret"))]]));
    const first = await timed(() => users.verify(credentials("alice", "secret"), wanted));
    const again = Math.min(...await each(5, () => timed(() => users.verify(credentials("alice", "secret"), wanted))));
    const wrong = Math.min(...await each(3, () => timed(() => users.verify(credentials("alice", "wrong"), wanted))));
    assert.ok(again < first / 4, `${again} ms the next time, ${first} ms the first`);
    assert.ok(wrong > 4 * again, `${wrong} ms for a wrong one, ${again} ms for a known one`);
  });

  test("hash for an unknown name too, so that the time tells nothing", async () => {
    const users = new Users(new Map([["alice", await hashPassword(octets("secret"))]]));
    // By turns, so that what else the machine does slows both.
    let wrong = Infinity, unknown = Infinity;
    for (let i = 0; i < 6; i++) {
      wrong = Math.min(wrong, await timed(() => users.verify(credentials("alice", "wrong"), wanted)));
      unknown = Math.min(unknown, await timed(() => users.verify(credentials("nobody", "wrong"), wanted)));
    }
    assert.ok(unknown > wrong / 3 && unknown < wrong * 3, `${unknown} ms unknown, ${wrong} ms wrong`);
  });

  test("hash for an unknown name at the cost of the users' hashes", async () => {
    const costly = parseHash("$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")!;
    const cheapOnly = new Users(new Map([["alice", CHEAP!]]));
    const mixed = new Users(new Map([["alice", CHEAP!], ["bob", costly]]));
    const cheap = Math.min(...await each(3, () => timed(() => cheapOnly.verify(credentials("x", "y"), wanted))));
    const dear = Math.min(...await each(3, () => timed(() => mixed.verify(credentials("x", "y"), wanted))));
    assert.ok(dear > 4 * cheap, `${dear} ms and ${cheap} ms`);
  });

  test("serve many at a time, each with its own verdict", async () => {
    const users = new Users(new Map([["alice", await hashPassword(octets("secret"))]]));
    const passwords = ["secret", "a", "secret", "b", "c", "secret"];
    const verdicts = await Promise.all(
      passwords.map((password) => users.verify(credentials("alice", password), wanted)),
    );
    assert.deepEqual(verdicts, passwords.map((password) => password === "secret"));
  });

  test("do not hash for who has gone while he waited for his turn", async () => {
    const users = new Users(new Map([["alice", await hashPassword(octets("secret"))]]));
    const one = await timed(() => users.verify(credentials("alice", "wrong"), wanted));
    const all = await timed(() =>
      Promise.all(Array.from({ length: 200 }, (_, i) => users.verify(credentials("alice", "wrong"), () => i < 2)))
    );
    assert.ok(all < 20 * one, `${all} ms for 200, ${one} ms for one`);
  });

  test("do not believe a good password of who has gone, and still know it later", async () => {
    const users = new Users(new Map([["alice", await hashPassword(octets("secret"))]]));
    assert.equal(await users.verify(credentials("alice", "secret"), () => false), false);
    assert.equal(await users.verify(credentials("alice", "secret"), wanted), true);
  });
});

describe("A password hash", () => {
  test("is salted, verifies, and goes to text and back", async () => {
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

  test("of every cost that is let in can be tried", async () => {
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

async function each<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < count; i++) results.push(await work());
  return results;
}
