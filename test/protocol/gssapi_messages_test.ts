import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeGssMessage,
  encodeGssMessage,
  gssAbort,
  GssMessageType,
  higherProtection,
  MAX_TOKEN_SIZE,
  protectionOctet,
  protectionOf,
  wrapHeader,
} from "../../src/protocol/gssapi.ts";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";
import { bytes, hex } from "../support/wire/bytes.ts";

for (
  const [text, type, token] of [
    ["01 01 00 05 'token'", GssMessageType.Context, "'token'"],
    ["01 02 00 01 02", GssMessageType.Protection, "02"],
    ["01 03 00 00", GssMessageType.Data, ""],
  ] as const
) {
  test(`${text} decodes, encodes, and needs more octets at every cut (RFC 1961 s3.2)`, () => {
    const message = bytes(text);
    for (let cut = 0; cut < message.length; cut++) {
      assert.equal(decodeGssMessage(message.subarray(0, cut)), undefined, `${cut} octets`);
    }
    const { value, size } = decodeGssMessage(Uint8Array.of(...message, 9))!;
    assert.deepEqual([value.type, hex(value.token), size], [type, hex(bytes(token)), message.length]);
    assert.equal(hex(encodeGssMessage(type, bytes(token))), hex(message));
  });
}

test("the abort message has no length field", () => {
  assert.equal(hex(gssAbort), "01 ff");
  assert.deepEqual(decodeGssMessage(bytes("01 ff"))!.value.type, GssMessageType.Abort);
});

test("the decoder refuses another version and an unknown message type at once", () => {
  for (const text of ["05 01", "01 00", "01 04", "01 fe"]) {
    assert.throws(() => decodeGssMessage(bytes(text)), ProtocolError);
  }
});

test("a token has at most 65,535 octets", () => {
  const largest = encodeGssMessage(GssMessageType.Data, new Uint8Array(MAX_TOKEN_SIZE));
  assert.equal(decodeGssMessage(largest)!.value.token.length, MAX_TOKEN_SIZE);
  assert.throws(() => encodeGssMessage(GssMessageType.Data, new Uint8Array(MAX_TOKEN_SIZE + 1)), RangeError);
});

test("protection levels: selective protection means confidentiality, and the higher of two levels counts (RFC 1961 s4)", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 255].map(protectionOf), [
    "none",
    "integrity",
    "confidentiality",
    "confidentiality",
    undefined,
    undefined,
  ]);
  assert.equal(protectionOctet("confidentiality"), 2);
  assert.equal(higherProtection("none", "integrity"), "integrity");
  assert.equal(higherProtection("confidentiality", "integrity"), "confidentiality");
});

test("wrapHeader() reads the key owner and the sequence number of an RFC 4121 token, and nothing from other tokens", () => {
  const token = bytes("05 04 04 ff 00 00 00 00 00 00 00 01 00 00 00 07 'data'");
  assert.deepEqual(wrapHeader(token), { byAcceptorKey: true, sequence: 2 ** 32 + 7 });
  assert.deepEqual(wrapHeader(Uint8Array.of(0, ...token).subarray(1)), wrapHeader(token), "wherever it stands");
  token[2] = 3;
  assert.equal(wrapHeader(token)!.byAcceptorKey, false);
  assert.equal(wrapHeader(bytes("60 04 04 ff 00 00 00 00 00 00 00 00 00 00 00 07")), undefined);
  assert.equal(wrapHeader(token.subarray(0, 15)), undefined);
});

test(`any octets decode to a message, "need more", or a ProtocolError`, () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
    try {
      const decoded = decodeGssMessage(octets);
      assert.ok(!decoded || decoded.size <= octets.length);
    } catch (error) {
      assert.ok(error instanceof ProtocolError);
    }
    wrapHeader(octets);
  }));
});
