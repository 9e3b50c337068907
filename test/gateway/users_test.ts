import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { describe, test } from "node:test";
import {
  costFactor,
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

/** A hash at next to no cost: what another costs is told, and need not be felt. */
function cheap(password: string): PasswordHash {
  const salt = octets("saltsalt");
  const hash = scryptSync(octets(password), salt, 32, { N: 2, r: 1, p: 1 });
  return { logCost: 1, blockSize: 1, parallelization: 1, salt, hash };
}

const CHEAP = cheap("secret");

/** Users, and what each of the hashes that were made for them cost. */
function counted(...hashes: readonly (readonly [name: string, hash: PasswordHash])[]) {
  const costs: number[] = [];
  const users = new Users(new Map(hashes), (password, expected) => {
    costs.push(costFactor(expected));
    return verifyPassword(password, expected);
  });
  return { users, costs };
}

describe("Users", () => {
  test("know good credentials, wrong ones and unknown names", async () => {
    const users = new Users(new Map([["alice", CHEAP], ["bób", cheap("ünï")]]));
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
    const { users, costs } = counted(["alice", CHEAP]);
    for (let i = 0; i < 3; i++) assert.equal(await users.verify(credentials("alice", "secret"), wanted), true);
    assert.equal(costs.length, 1);
    for (let i = 0; i < 3; i++) assert.equal(await users.verify(credentials("alice", "wrong"), wanted), false);
    assert.equal(costs.length, 4);
  });

  test("hash for an unknown name too, at the cost of the users' costliest hash, so that the time tells nothing", async () => {
    const costly = parseHash("$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")!;
    for (const [hashes, cost] of [[[CHEAP], costFactor(CHEAP)], [[CHEAP, costly], costFactor(costly)]] as const) {
      const { users, costs } = counted(...hashes.map((hash, i) => [`user${i}`, hash] as const));
      assert.equal(await users.verify(credentials("nobody", "secret"), wanted), false);
      assert.deepEqual(costs, [cost]);
    }
  });

  test("serve many at a time, each with its own verdict", async () => {
    const users = new Users(new Map([["alice", CHEAP]]));
    const passwords = ["secret", "a", "secret", "b", "c", "secret"];
    const verdicts = await Promise.all(
      passwords.map((password) => users.verify(credentials("alice", password), wanted)),
    );
    assert.deepEqual(verdicts, passwords.map((password) => password === "secret"));
  });

  test("do not hash for who has gone while he waited for his turn", async () => {
    const { users, costs } = counted(["alice", CHEAP]);
    const verify = (_: unknown, i: number) => users.verify(credentials("alice", "wrong"), () => i < 2);
    await Promise.all(Array.from({ length: 200 }, verify));
    assert.equal(costs.length, 2);
  });

  test("do not believe a good password of who has gone, and still know it later", async () => {
    const users = new Users(new Map([["alice", CHEAP]]));
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
