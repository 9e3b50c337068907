import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { hashThreads } from "../../../../src/cli/service/threads/hash_threads.ts";
import { parseHash, type PasswordHash } from "../../../../src/gateway/users/password_hash.ts";

const octets = (text: string) => new TextEncoder().encode(text);

/** RFC 7914 s12. */
const expected: PasswordHash = {
  logCost: 14,
  blockSize: 8,
  parallelization: 1,
  salt: octets("SodiumChloride"),
  hash: Uint8Array.from(
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2".match(/../g)!,
    (pair) => Number.parseInt(pair, 16),
  ),
};

test("hash threads give the results of scrypt, concurrently and in sequence", async () => {
  const check = hashThreads();
  const passwords = ["pleaseletmein", "x", "pleaseletmein"];
  for (let i = 0; i < 2; i++) {
    deepEqual(await Promise.all(passwords.map((one) => check(octets(one), expected))), [true, false, true]);
  }
});

test("the calling thread is not blocked", async () => {
  const check = hashThreads();
  let over = false, went = 0;
  const checked = check(octets("x"), parseHash("$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")!)
    .finally(() => over = true);
  while (!over) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    went++;
  }
  equal(await checked, false);
  ok(went > 10, `${went}`);
});
