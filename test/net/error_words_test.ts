import assert from "node:assert/strict";
import { test } from "node:test";
import { netError } from "../../src/net/error.ts";
import { stateOf } from "../../src/net/error_words.ts";
import { errnoError, errnoNames } from "../../src/net/kernel/libc/errno.ts";

test("what the system refuses is told in words, then by its code", () => {
  const state = (code: string) => netError({ code }, "listen on", "[::1]:1080").message;
  assert.equal(state("EADDRINUSE"), "Cannot listen on [::1]:1080: the address is taken (EADDRINUSE)");
  assert.equal(state("EACCES"), "Cannot listen on [::1]:1080: not allowed (EACCES)");
  assert.equal(stateOf({ code: "ENOENT" }), "it is not there (ENOENT)");
  assert.equal(stateOf({ code: "ENOTFOUND", message: "getaddrinfo" }), "no such name (ENOTFOUND)");
  assert.equal(errnoError(111, "connect to", "x").message, "Cannot connect to x: refused (ECONNREFUSED)");
});

test("a code without words, a sentence and an error without a code stay what they are", () => {
  assert.equal(stateOf({ code: "EWHATEVER" }), "EWHATEVER");
  assert.equal(stateOf({ code: "toString" }), "toString");
  assert.equal(netError({ code: "there is no folder /x" }, "do", "it").message, "Cannot do it: there is no folder /x");
  assert.equal(errnoError(999, "do", "it").message, "Cannot do it: errno 999");
  assert.equal(stateOf(new Error("why")), "why");
  assert.equal(stateOf("why"), "why");
});

test("the errors that a person meets have words", () => {
  const silent = ["EBADF", "EAGAIN", "EINVAL", "EFBIG", "EMSGSIZE", "ENOTCONN"]; // faults of the program, or of a peer
  const without = Object.values(errnoNames).filter((code) => stateOf({ code }) === code);
  assert.deepEqual(without.sort(), silent.sort());
});
