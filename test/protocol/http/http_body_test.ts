import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { requestBody } from "../../../src/protocol/http/http_body.ts";
import { joinedAll } from "../../../src/protocol/octets.ts";
import { bytes } from "../../support/wire/bytes.ts";

/** What goes on of `said`, which comes in pieces of so many octets. */
function passing(said: Uint8Array, headSize: number, size: number | "chunked", piece: number): Uint8Array {
  return passed(said, headSize, size, piece).bytes;
}

/** That, and whether it is all. */
function passed(said: Uint8Array, headSize: number, size: number | "chunked", piece: number) {
  let malformed = 0;
  const body = requestBody(headSize, size, () => malformed++);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < said.length; at += piece) parts.push(body.take(said.subarray(at, at + piece)));
  return { bytes: joinedAll(parts), whole: body.holdsEnd, malformed };
}

const behind = bytes("'GET / HTTP/1.1'");

test("a body with a Content-Length ends at that length in pieces of every size", () => {
  const said = bytes("'headbody'");
  for (let piece = 1; piece <= 30; piece++) {
    assert.deepEqual(passing(joinedAll([said, behind]), 4, 4, piece), said);
    assert.deepEqual(passing(joinedAll([said, behind]), 8, 0, piece), said);
  }
});

const chunk = fc.uint8Array({ maxLength: 40 }).filter(({ length }) => length > 0);
const chunked = fc.record({
  chunks: fc.array(chunk, { maxLength: 4 }),
  extension: fc.constantFrom("", ";a=b", " ; a"),
  trailers: fc.constantFrom("", "'A: b' 0d0a"),
  zeros: fc.constantFrom("0", "00", "00000000"),
}).map(({ chunks, extension, trailers, zeros }) => {
  const line = (text: string) => new TextEncoder().encode(`${text}${extension}\r\n`);
  return joinedAll([
    ...chunks.flatMap((one) => [line(one.length.toString(16)), one, bytes("0d0a")]),
    line(zeros),
    bytes(`${trailers} 0d0a`),
  ]);
});

test("a chunked body ends after its last line in pieces of every size", () => {
  fc.assert(fc.property(chunked, fc.integer({ min: 1, max: 200 }), (body, piece) => {
    const said = joinedAll([bytes("'head'"), body]);
    assert.deepEqual(passing(joinedAll([said, behind]), 4, "chunked", piece), said);
  }));
});

test("the body reports whether its end has passed", () => {
  for (const [text, size] of [["'headbody'", 4], ["'head' '1' 0d0a 'x' 0d0a '0' 0d0a 0d0a", "chunked"]] as const) {
    const said = bytes(text);
    assert.equal(passed(said, 4, size, 1).whole, true);
    for (let end = 0; end < said.length; end++) assert.equal(passed(said.subarray(0, end), 4, size, 3).whole, false);
  }
  assert.equal(passed(bytes("'head' 'x' 0d0a"), 4, "chunked", 9).whole, false);
});

test("a chunk that two servers could read differently stops the body before that chunk", () => {
  for (
    const wrong of [
      ...[
        "'4' 0a",
        "'4' 0d 0d0a",
        "'0x4' 0d0a",
        "'+4' 0d0a",
        "' 4' 0d0a",
        "0d0a",
        "'123456789' 0d0a",
        "'4;' 0d 'a' 0d0a",
      ],
    ]
  ) {
    const good = bytes("'1' 0d0a 'x' 0d0a");
    const { malformed, bytes: whole } = passed(joinedAll([good, bytes(wrong), behind]), 0, "chunked", 1_000);
    assert.deepEqual([whole, malformed], [good, 1], wrong);
    const bit = passing(joinedAll([good, bytes(wrong), behind]), 0, "chunked", 1);
    assert.ok(bit.length < good.length + bytes(wrong).length, wrong); // its end is never told
  }
  const notEnded = bytes("'1' 0d0a 'xy' 0d0a");
  assert.deepEqual(passing(notEnded, 0, "chunked", 100), notEnded.subarray(0, 4));
  const endless = joinedAll([bytes("'1;'"), new Uint8Array(10_000).fill(0x61)]);
  assert.ok(passing(endless, 0, "chunked", 100).length <= 8 << 10);
});

test("the forwarded octets are always a prefix of the client's octets", () => {
  const octets = fc.uint8Array({ maxLength: 60 }).map((some) =>
    some.map((octet) => octet % 7 === 0 ? 0x0d : octet % 5 ? octet : 0x0a)
  );
  const size = fc.oneof(fc.nat({ max: 80 }), fc.constant("chunked" as const));
  fc.assert(
    fc.property(octets, fc.nat({ max: 20 }), size, fc.integer({ min: 1, max: 70 }), (said, head, size, piece) => {
      const gone = passing(said, head, size, piece);
      assert.deepEqual(gone, said.subarray(0, gone.length));
      assert.ok(gone.length >= Math.min(head, said.length));
    }),
  );
});
