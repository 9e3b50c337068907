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
    test(`says 0${reply} where the network says ${kind}`, () => {
      assert.equal(replyFor(new NetError(kind as NetErrorKind, "")), reply);
    });
  }

  test("passes on what a refusal and a broken message say", () => {
    assert.equal(replyFor(new Refusal(2, "loopback")), 2);
    assert.equal(replyFor(new ProtocolError("", 7)), 7);
    assert.equal(replyFor(new ProtocolError("", 8)), 8);
    assert.equal(replyFor(new ProtocolError("")), undefined);
  });

  test("knows nothing of our bugs", () => {
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
    test(`prefers '${kind}' to what says less`, () => {
      const errors = order.slice(i).map((less) => new NetError(less, less));
      assert.equal(mostSpecific(errors), errors[0]);
      assert.equal(mostSpecific(errors.toReversed()), errors[0]);
    });
  }

  test("takes the first of two that say the same", () => {
    const errors = [new NetError("refused", "first"), new NetError("refused", "second")];
    assert.equal(mostSpecific(errors), errors[0]);
  });

  test("prefers what the network said to a bug", () => {
    const refused = new NetError("refused", "");
    assert.equal(mostSpecific([new TypeError("bug"), refused]), refused);
  });
});
