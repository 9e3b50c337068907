import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Refusal } from "../../src/gateway/rules/refusal.ts";
import { mostSpecific, replyFor } from "../../src/gateway/reply.ts";
import { NetError, type NetErrorKind } from "../../src/net/error.ts";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";

/** Every kind is here, so that a new one has to be thought about. */
const replies: Readonly<Record<NetErrorKind, number>> = {
  "network-unreachable": 3,
  "host-unreachable": 4,
  "refused": 5,
  "timed-out": 6,
  "reset": 1,
  "closed": 1,
  "address-in-use": 1,
  "address-not-available": 1,
  "no-such-name": 4,
  "name-lookup-failed": 4,
  "permission-denied": 2,
  "no-descriptors": 1,
  "family-not-supported": 8,
  "aborted": 1,
  "busy": 1,
  "other": 1,
};

describe("replyFor()", () => {
  for (const [kind, reply] of Object.entries(replies)) {
    test(`returns 0${reply} for the network error ${kind}`, () => {
      assert.equal(replyFor(new NetError(kind as NetErrorKind, "")), reply);
    });
  }

  test("returns the reply of a Refusal or a ProtocolError", () => {
    assert.equal(replyFor(new Refusal(2, "loopback")), 2);
    assert.equal(replyFor(new ProtocolError("", 7)), 7);
    assert.equal(replyFor(new ProtocolError("", 8)), 8);
    assert.equal(replyFor(new ProtocolError("")), undefined);
  });

  test("returns undefined for other exceptions", () => {
    assert.equal(replyFor(new TypeError("bug")), undefined);
    assert.equal(replyFor("bug"), undefined);
  });
});

describe("mostSpecific()", () => {
  const order: readonly NetErrorKind[] = [
    "refused",
    "permission-denied",
    "host-unreachable",
    "timed-out",
    "network-unreachable",
    "family-not-supported",
    "other",
  ];
  for (const [i, kind] of order.entries()) {
    test(`prefers '${kind}' to less specific errors`, () => {
      const errors = order.slice(i).map((less) => new NetError(less, less));
      assert.equal(mostSpecific(errors), errors[0]);
      assert.equal(mostSpecific(errors.toReversed()), errors[0]);
    });
  }

  test("returns the first of two errors of the same kind", () => {
    const errors = [new NetError("refused", "first"), new NetError("refused", "second")];
    assert.equal(mostSpecific(errors), errors[0]);
  });

  test("prefers a network error to another exception", () => {
    const refused = new NetError("refused", "");
    assert.equal(mostSpecific([new TypeError("bug"), refused]), refused);
  });
});
