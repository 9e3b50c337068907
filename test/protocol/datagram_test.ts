import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipAddress } from "../../src/protocol/address.ts";
import {
  decodeDatagram,
  encodeDatagram,
  headerSize,
  MAX_HEADER_SIZE,
  MAX_PAYLOAD_SIZE,
  Reassembly,
} from "../../src/protocol/datagram.ts";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";

const address = ipAddress("192.0.2.1", 53)!, other = ipAddress("192.0.2.2", 53)!;
const part = (fragment: number, text = "x", to = address) => ({
  fragment,
  address: to,
  payload: new TextEncoder().encode(text),
});
const END = 0x80;

test("a datagram round-trips with any payload, and headerSize() agrees with decodeDatagram()", () => {
  const name = { type: 3, host: "example.org", port: 9 } as const;
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 1_000 }),
      fc.constantFrom(address, ipAddress("2001:db8::1", 1)!, name),
      fc.nat(255),
      (payload, to, fragment) => {
        const bytes = encodeDatagram({ fragment, address: to, payload });
        assert.deepEqual(decodeDatagram(bytes), { fragment, address: to, payload: new Uint8Array(payload) });
        assert.equal(headerSize(bytes), bytes.length - payload.length);
        assert.ok(headerSize(bytes)! <= MAX_HEADER_SIZE);
      },
    ),
  );
});

test("any octets decode to a datagram or a ProtocolError, and headerSize() never reads past the end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    let size: number | undefined;
    try {
      size = headerSize(bytes);
      assert.ok(size === undefined || size <= bytes.length);
      assert.ok(decodeDatagram(bytes).payload.length === bytes.length - size!);
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
    }
  }));
});

function feed(steps: readonly (readonly [ReturnType<typeof part>, number])[]): string | undefined {
  const queue = new Reassembly(5_000);
  let whole: string | undefined;
  for (const [fragment, now] of steps) {
    const done = queue.add(fragment, now);
    if (done) whole = new TextDecoder().decode(done.payload);
  }
  return whole;
}

const sequences:
  readonly (readonly [string, readonly (readonly [ReturnType<typeof part>, number])[], string | undefined])[] = [
    ["fragments in order become one datagram", [[part(1, "a"), 0], [part(2, "b"), 1], [part(END | 3, "c"), 2]], "abc"],
    ["a single fragment may be the whole datagram", [[part(END | 1, "a"), 0]], "a"],
    ["a lower position abandons the queued fragments", [[part(1, "a"), 0], [part(2, "b"), 0], [part(1, "c"), 0], [
      part(END | 2, "d"),
      0,
    ]], "cd"],
    ["a gap abandons the queue", [[part(1, "a"), 0], [part(END | 3, "c"), 0]], undefined],
    [
      "a repeated fragment counts once",
      [[part(1, "a"), 0], [part(2, "b"), 0], [part(2, "b"), 0], [part(END | 3, "c"), 0]],
      "abc",
    ],
    ["another destination abandons the queue", [[part(1, "a"), 0], [part(END | 2, "b", other), 0]], undefined],
    ["the timer abandons the queue", [[part(1, "a"), 0], [part(END | 2, "b"), 5_000]], undefined],
    ["the queue is complete just before the timer expires", [[part(1, "a"), 0], [part(END | 2, "b"), 4_999]], "ab"],
    ["a sequence that does not begin at 1 is dropped", [[part(2, "a"), 0], [part(END | 3, "b"), 0]], undefined],
  ];
for (const [what, steps, whole] of sequences) {
  test(`fragments (RFC 1928 s7): ${what}`, () => assert.equal(feed(steps), whole));
}

test("fragments: the maximum is 127; a standalone datagram in between or too much data abandons the queue", () => {
  const queue = new Reassembly(5_000);
  for (let i = 1; i < 127; i++) assert.equal(queue.add(part(i), 0), undefined);
  assert.equal(queue.add(part(END | 127), 0)!.payload.length, 127);
  queue.add(part(1), 0);
  queue.abandon();
  assert.equal(queue.add(part(END | 2), 0), undefined);
  queue.add({ fragment: 1, address, payload: new Uint8Array(MAX_PAYLOAD_SIZE) }, 0);
  assert.equal(queue.size, MAX_PAYLOAD_SIZE);
  assert.equal(queue.add(part(END | 2), 0), undefined);
  assert.equal(queue.size, 0);
});

test("fragments: the queue copies the payload, because the receive buffer is overwritten", () => {
  const queue = new Reassembly(5_000), lent = part(1, "a");
  queue.add(lent, 0);
  lent.payload.fill(0xee);
  assert.equal(new TextDecoder().decode(queue.add(part(END | 2, "b"), 0)!.payload), "ab");
});
