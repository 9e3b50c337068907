import assert from "node:assert/strict";
import { test } from "node:test";
import { netError } from "../../src/net/error.ts";
import { stateOf } from "../../src/net/error_words.ts";
import { errnoError, errnoNames } from "../../src/net/kernel/libc/errno.ts";

test("netError() and errnoError() describe a system error in words, then with its code", () => {
  const state = (code: string) => netError({ code }, "listen on", "[::1]:1080").message;
  assert.equal(state("EADDRINUSE"), "Cannot listen on [::1]:1080: the address is taken (EADDRINUSE)");
  assert.equal(state("EACCES"), "Cannot listen on [::1]:1080: not allowed (EACCES)");
  assert.equal(stateOf({ code: "ENOENT" }), "it is not there (ENOENT)");
  assert.equal(stateOf({ code: "ENOTFOUND", message: "getaddrinfo" }), "no such name (ENOTFOUND)");
  assert.equal(errnoError(111, "connect to", "x").message, "Cannot connect to x: refused (ECONNREFUSED)");
});

test("stateOf() and netError() do not change unknown codes, sentences and errors without a code", () => {
  assert.equal(stateOf({ code: "EWHATEVER" }), "EWHATEVER");
  assert.equal(stateOf({ code: "toString" }), "toString");
  assert.equal(netError({ code: "there is no folder /x" }, "do", "it").message, "Cannot do it: there is no folder /x");
  assert.equal(errnoError(999, "do", "it").message, "Cannot do it: errno 999");
  assert.equal(stateOf(new Error("why")), "why");
  assert.equal(stateOf("why"), "why");
});

test("stateOf() has words for every errno that a user can meet", () => {
  const silent = ["EBADF", "EAGAIN", "EINVAL", "EFBIG", "EMSGSIZE", "ENOTCONN"]; // faults of the program, or of a peer
  const without = Object.values(errnoNames).filter((code) => stateOf({ code }) === code);
  assert.deepEqual(without.sort(), silent.sort());
});
