import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { encode } from "dns-packet";
import fc from "fast-check";
import { decodeReply, encodeQuery, type Question } from "../../../src/dns/servers/message.ts";

const question: Question = { name: "a.test", type: "A" };
const query = encodeQuery(0x1234, question);

/** A reply to `query` with records of all types that are read, and some that are not. */
const reply = Uint8Array.from(encode({
  type: "response",
  id: 0x1234,
  questions: [question],
  answers: [
    { type: "CNAME", name: "a.test", ttl: 1, data: "B.test" },
    { type: "A", name: "b.test", ttl: 2, data: "203.0.113.1" },
    { type: "AAAA", name: "b.test", ttl: 3, data: "2001:db8::1" },
    { type: "TXT", name: "b.test", ttl: 3, data: "x" },
    { type: "PTR", name: "b.test", ttl: 4, data: "c.test" },
  ],
  authorities: [{ type: "SOA", name: "test", ttl: 5, data: { mname: "ns.test", rname: "root.test", minimum: 6 } }],
}));

describe("decodeReply()", () => {
  test("reads records of each queried type", () => {
    assert.deepEqual(decodeReply(query, reply), {
      rcode: 0,
      truncated: false,
      answers: [
        { type: "CNAME", name: "a.test", ttl: 1, data: "B.test" },
        { type: "A", name: "b.test", ttl: 2, data: "203.0.113.1" },
        { type: "AAAA", name: "b.test", ttl: 3, data: "2001:db8::1" },
        { type: "PTR", name: "b.test", ttl: 4, data: "c.test" },
      ],
      authorities: [{ type: "SOA", name: "test", ttl: 5, minimum: 6 }],
      whole: true,
    });
  });

  test("gives a reply or nothing for any octets, and never more records from a truncated message", () => {
    const size = decodeReply(query, reply)!.answers.length;
    for (let cut = 0; cut < reply.length; cut++) {
      const part = decodeReply(query, reply.subarray(0, cut));
      assert.ok(!part || part.answers.length <= size);
      if (part && part.answers.length < size) assert.equal(part.whole, false, `${cut} octets`);
    }
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.nat(reply.length - 1), fc.nat(255)), { maxLength: 8 }),
      (changes) => {
        const changed = reply.slice();
        for (const [at, octet] of changes) changed[at] = octet;
        decodeReply(query, changed);
      },
    ));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => void decodeReply(query, octets)));
  });

  test("keeps a label with a dot distinct from two labels", () => {
    const name = Buffer.from("\u0003a.b\u0004test\u0000");
    const message = new Uint8Array([...reply.subarray(0, 12 + 12), ...name, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
    message.set([0, 1, 0, 0, 0, 0], 6);
    assert.deepEqual(decodeReply(query, message)!.answers, [
      { type: "A", name: "a\\046b.test", ttl: 9, data: "1.2.3.4" },
    ]);
  });
});
