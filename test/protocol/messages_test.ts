import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Decode } from "../../src/protocol/cursor.ts";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";
import * as negotiation from "../../src/protocol/negotiation.ts";
import * as request from "../../src/protocol/request.ts";
import type { Reply } from "../../src/protocol/codes.ts";

interface Vector {
  readonly hex: string;
  readonly value?: unknown;
  /** The reply that ProtocolError carries, null for none. */
  readonly error?: number | null;
  /** Another spelling of what encodes otherwise. */
  readonly oneWay?: boolean;
}

interface Codec {
  readonly decode: Decode<unknown>;
  readonly encode: (value: never) => Uint8Array;
  /** A value as the vectors write it. */
  readonly plain?: (value: never) => unknown;
}

const hexOf = (bytes: Uint8Array) => Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join("");
const bytesOf = (hex: string) =>
  Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => parseInt(pair, 16));

const codecs: Record<string, Codec> = {
  greeting: { decode: negotiation.decodeGreeting, encode: negotiation.encodeGreeting },
  methodSelection: { decode: negotiation.decodeMethodSelection, encode: negotiation.encodeMethodSelection },
  credentials: {
    decode: negotiation.decodeCredentials,
    encode: negotiation.encodeCredentials,
    plain: ({ username, password }: negotiation.Credentials) => ({
      username: hexOf(username),
      password: hexOf(password),
    }),
  },
  status: { decode: negotiation.decodeStatus, encode: negotiation.encodeStatus },
  request: { decode: request.decodeRequest, encode: request.encodeRequest },
  reply: {
    decode: request.decodeReply,
    encode: ({ reply, bound }: request.RequestReply) => request.encodeReply(reply as Reply, bound),
  },
};
const vectors: Record<string, Vector[]> = JSON.parse(
  readFileSync(join(import.meta.dirname!, "../vectors/messages.json"), "utf8"),
);

for (const [name, { decode, encode, plain = (value: never) => value }] of Object.entries(codecs)) {
  for (const { hex, value, error, oneWay } of vectors[name]!) {
    const bytes = bytesOf(hex);
    if (error !== undefined) {
      test(`${name} ${hex} is a protocol error with ${error === null ? "no reply" : `reply ${error}`}, and no part of it decodes to a value`, () => {
        for (let size = 0; size < bytes.length; size++) {
          try {
            assert.equal(decode(bytes.subarray(0, size)), undefined);
          } catch (early) {
            assert.ok(early instanceof ProtocolError);
          }
        }
        assert.throws(
          () => decode(bytes),
          (thrown) => thrown instanceof ProtocolError && thrown.reply === (error ?? undefined),
        );
      });
      continue;
    }
    test(`${name} ${hex} decodes when complete, leaves the octets after it, and encodes back`, () => {
      for (let size = 0; size < bytes.length; size++) assert.equal(decode(bytes.subarray(0, size)), undefined);
      for (const tail of [[], [5, 1, 0]]) {
        const decoded = decode(Uint8Array.from([...bytes, ...tail]))!;
        assert.deepEqual(plain(decoded.value as never), value);
        assert.equal(decoded.size, bytes.length);
      }
      if (!oneWay) assert.deepEqual(encode(decode(bytes)!.value as never), bytes);
    });
  }

  test(`${name}: any octets decode to a value, "need more", or a ProtocolError`, () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (noise, plausible) => {
      const bytes = plausible ? Uint8Array.of(name === "credentials" || name === "status" ? 1 : 5, ...noise) : noise;
      try {
        const decoded = decode(bytes);
        assert.ok(decoded === undefined || (decoded.size > 0 && decoded.size <= bytes.length));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }));
  });
}

test("a name longer than 255 octets is refused, not truncated (curl CVE-2023-38545)", () => {
  const destination = { type: 3, host: "a".repeat(256), port: 80 } as const;
  assert.throws(() => request.encodeRequest({ command: 1, destination }), RangeError);
  const longest = { ...destination, host: `${"a".repeat(251)}.org` };
  assert.deepEqual(
    request.decodeRequest(request.encodeRequest({ command: 1, destination: longest }))!.value.destination,
    longest,
  );
});
