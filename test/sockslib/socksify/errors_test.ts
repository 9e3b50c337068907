import assert from "node:assert/strict";
import { test } from "node:test";
import { NetError } from "../../../src/net/error.ts";
import { ReplyError } from "../../../src/sockslib/chain/reply_error.ts";
import { errorCode, errorNumber, replyOf, socketError } from "../../../src/sockslib/socksify/system_errors.ts";

test("each reply maps to the errno of a failed direct connection", () => {
  const codes = [1, 2, 3, 4, 5, 6, 7, 8, 99].map((reply) =>
    errorCode(new ReplyError(reply, "connect to x:1", "gw", true))
  );
  assert.deepEqual(codes, [
    "ECONNABORTED",
    "EACCES",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "EOPNOTSUPP",
    "EAFNOSUPPORT",
    "ECONNABORTED",
  ]);
  for (const [index, code] of codes.slice(0, 8).entries()) {
    assert.equal(replyOf(code), index + 1);
    assert.ok(errorNumber(code) < 0, code);
  }
  assert.equal(replyOf("ENOTFOUND"), 4);
});

test("errors have the fields that Node.js documents, and the reply as their cause", () => {
  const cause = new ReplyError(5, "connect to x:1", "gw", true);
  const { message, ...fields } = socketError(cause, "connect", { host: "198.18.0.1", port: 80 }) as
    & Error
    & Record<string, unknown>;
  assert.equal(message, "connect ECONNREFUSED 198.18.0.1:80");
  assert.deepEqual({ ...fields, errno: typeof fields.errno }, {
    errno: "number",
    code: "ECONNREFUSED",
    syscall: "connect",
    address: "198.18.0.1",
    port: 80,
  });
  const unknown = socketError(new NetError("no-such-name", "Cannot resolve it"), "connect", { host: "x", port: 1 });
  assert.deepEqual({ ...unknown }, { errno: -3008, code: "ENOTFOUND", syscall: "getaddrinfo", hostname: "x" });
  assert.equal(socketError(cause, "connect", { host: "x", port: 1 }).cause, cause);
});
