import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";
import { decodeSocks4Request, encodeSocks4Reply } from "../../src/protocol/socks4.ts";

const bytesOf = (hex: string) =>
  Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
const named = { type: 3, host: "a.example", port: 80 };

const vectors = [
  ["04 01 0050 c0000201 00", { command: 1, destination: { type: 1, host: "192.0.2.1", port: 80 }, userId: "" }],
  ["04 02 01bb c0000201 616e6e 00", {
    command: 2,
    destination: { type: 1, host: "192.0.2.1", port: 443 },
    userId: "ann",
  }],
  ["04 01 0050 00000001 00 612e6578616d706c65 00", { command: 1, destination: named, userId: "" }],
  ["04 01 0050 000000ff 616e6e 00 612e6578616d706c65 00", { command: 1, destination: named, userId: "ann" }],
  ["04 02 0000 00000000 00", { command: 2, destination: { type: 1, host: "0.0.0.0", port: 0 }, userId: "" }],
] as const;

describe("decodeSocks4Request()", () => {
  for (const [hex, value] of vectors) {
    test(`decodes ${hex} when complete, and leaves the octets after it`, () => {
      const bytes = bytesOf(hex);
      for (let size = 0; size < bytes.length; size++) {
        assert.equal(decodeSocks4Request(bytes.subarray(0, size)), undefined);
      }
      assert.deepEqual(decodeSocks4Request(bytes), { value, size: bytes.length });
      const tailed = new Uint8Array(bytes.length + 3).fill(9);
      tailed.set(bytes);
      assert.deepEqual(decodeSocks4Request(tailed), { value, size: bytes.length });
    });
  }

  for (
    const [hex, what] of [
      ["05 01", "VER 5"],
      ["04 03 0050 c0000201 00", "an unknown command"],
      ["04 01 0050 00000001 00 00", "an empty name"],
      ["04 01 0050 00000001 00 61 0a 00", "a name that forges a log line"],
      [`04 01 0050 c0000201 ${"61".repeat(256)}`, "a USERID without end"],
      [`04 01 0050 00000001 00 ${"61".repeat(256)}`, "a name without end"],
    ] as const
  ) {
    test(`throws a ProtocolError for ${what}`, () =>
      assert.throws(() => decodeSocks4Request(bytesOf(hex)), ProtocolError));
  }

  test("gives a value, a wait, or a ProtocolError for any octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, four) => {
        if (four && bytes.length > 0) bytes[0] = 4;
        try {
          const decoded = decodeSocks4Request(bytes);
          if (decoded) assert.ok(decoded.size <= bytes.length);
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
    );
  });
});

test("encodeSocks4Reply() writes code 90 or 91, and an address only if it is IPv4", () => {
  assert.deepEqual(encodeSocks4Reply(0, { type: 1, host: "192.0.2.7", port: 258 }), bytesOf("00 5a 0102 c0000207"));
  assert.deepEqual(encodeSocks4Reply(0, { type: 4, host: "2001:db8::1", port: 1 }), bytesOf("00 5a 0000 00000000"));
  for (const reply of [1, 2, 5, 8]) assert.deepEqual(encodeSocks4Reply(reply), bytesOf("00 5b 0000 00000000"));
});
