import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeClientHello } from "../../src/protocol/client_hello.ts";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";
import { skipped, tooSlow } from "../support/program/skipped.ts";
import { helloFor, helloWith, inRecords, messageOf, trueHellos, vector } from "../support/tls/client_hellos.ts";
import { bytes, joined } from "../support/wire/bytes.ts";

const nameOf = (hello: Uint8Array) => decodeClientHello(hello)?.serverName;
const list = (...entries: readonly Uint8Array[]) => vector(2, joined(...entries));
const entry = (name: string, type = 0) => joined(Uint8Array.of(type), vector(2, new TextEncoder().encode(name)));
const serverName = (value: Uint8Array) => joined(Uint8Array.of(0, 0), vector(2, value));

describe("decodeClientHello()", () => {
  for (const { client, serverName, bytes } of trueHellos) {
    test(`finds the server name in the ClientHello of ${client}, and waits for its last octet`, () => {
      assert.deepEqual(decodeClientHello(bytes), { serverName: serverName ?? undefined });
      for (let size = 0; size < bytes.length; size++) {
        assert.equal(decodeClientHello(bytes.subarray(0, size)), undefined);
      }
      assert.equal(nameOf(joined(bytes, bytes)), serverName ?? undefined);
    });

    test(`reads the ClientHello of ${client} from records of every size`, () => {
      const message = messageOf(bytes);
      for (const size of [2, 3, 4, 5, 100, message.length - 1]) {
        if (message.length / size > 1_024) continue;
        const hello = inRecords(message, size);
        assert.deepEqual(decodeClientHello(hello), { serverName: serverName ?? undefined });
        for (let cut = 0; cut < hello.length; cut += 7) {
          assert.equal(decodeClientHello(hello.subarray(0, cut)), undefined);
        }
      }
    });
  }

  test("accepts a ClientHello of 64 KiB in 1,024 records, and refuses more octets or more records", () => {
    const padded = (size: number) =>
      helloWith(joined(serverName(list(entry("a.test"))), bytes("0015"), vector(2, new Uint8Array(size))));
    const large = inRecords(messageOf(padded(16_000)), 1 << 14);
    assert.equal(nameOf(large), "a.test");
    assert.equal(decodeClientHello(bytes("16 03 01 0004 01 00 ff fc")), undefined);
    assert.throws(() => decodeClientHello(bytes("16 03 01 0004 01 00 ff fd")), /over 65536 octets/);
    const message = messageOf(padded(4_000));
    assert.equal(nameOf(inRecords(message, 4)), "a.test");
    assert.throws(() => nameOf(inRecords(message, 3)), /more than 1024 records/);
  });

  test("returns no name for a ClientHello without a host name", () => {
    assert.equal(nameOf(helloWith(new Uint8Array(0))), undefined);
    assert.equal(nameOf(helloWith(serverName(list(entry("x", 7))))), undefined, "a type of name that nobody knows");
  });

  for (
    const [what, hello] of [
      ["another protocol", bytes("'GET / HTTP/1.1' 0d 0a 0d 0a")],
      ["an alert", bytes("15 03 01 0002 02 28")],
      ["another message", bytes("16 03 01 0004 02 000000")],
      ["SSL 2", bytes("80 2e 01 03 01")],
      ["a record of nothing", bytes("16 03 01 0000")],
      ["a record beyond 2^14 octets", bytes("16 03 01 4001")],
      [
        "a second record of another type",
        joined(inRecords(messageOf(helloFor("a.test")), 20).subarray(0, 25), bytes("17")),
      ],
      [
        "two extensions of names",
        helloWith(joined(serverName(list(entry("a.test"))), serverName(list(entry("b.test"))))),
      ],
      ["two names", helloWith(serverName(list(entry("a.test"), entry("b.test"))))],
      ["octets behind the name", helloWith(serverName(joined(list(entry("a.test")), bytes("00"))))],
      ["a name beyond its list", helloWith(serverName(vector(2, bytes("00 0009 61"))))],
      ["a cut extension", helloWith(bytes("0000 0009 00"))],
      [
        "octets behind the extensions",
        inRecords(joined(bytes("01 00002c 0303"), new Uint8Array(32), bytes("00 0002 1301 01 00 0000 00 00")), 99),
      ],
    ] as const
  ) {
    test(`refuses ${what}`, () => {
      assert.throws(() => decodeClientHello(hello), ProtocolError);
    });
  }
});

/** Of true ones: cut, with octets that are others, and one put into another. */
const mutated = fc.array(
  fc.record({
    hello: fc.constantFrom(...trueHellos.map(({ bytes }) => bytes)),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    size: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(1)),
    changes: fc.array(fc.tuple(fc.nat(2_000), fc.oneof(fc.constantFrom(0, 1, 2, 3, 0x16, 0xff), fc.nat(255))), {
      maxLength: 4,
    }),
    early: fc.boolean(),
  }),
  { minLength: 1, maxLength: 3 },
).map((parts) => {
  const made = parts.map(({ hello, from, size, changes, early }, i) => {
    const start = i === 0 ? 0 : Math.floor(from * hello.length);
    const part = hello.slice(start, start + Math.ceil(size * hello.length));
    for (const [at, octet] of changes) {
      if (part.length > 0) part[at % (early ? Math.min(80, part.length) : part.length)] = octet;
    }
    return part;
  });
  const all = new Uint8Array(made.reduce((sum, { length }) => sum + length, 0));
  made.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
});

/** One of three outcomes, and one that is whole is the same with more behind it. */
function survives(hello: Uint8Array): "hello" | "more" | "refused" {
  let found;
  try {
    found = decodeClientHello(hello);
  } catch (error) {
    if (error instanceof ProtocolError) return "refused";
    throw error;
  }
  if (!found) return "more";
  const more = new Uint8Array(hello.length + 99);
  more.set(hello);
  assert.equal(decodeClientHello(more)!.serverName, found.serverName);
  return "hello";
}

test("A cut, changed or spliced ClientHello gives a value, a wait for more octets, or a ProtocolError", () => {
  const outcomes = new Set<string>();
  fc.assert(fc.property(mutated, (hello) => void outcomes.add(survives(hello))), { numRuns: 20_000 });
  assert.deepEqual([...outcomes].sort(), ["hello", "more", "refused"]);
});

const many = skipped("client_hello_test.ts, 10^6 ClientHellos", tooSlow);
test(
  "A million cut, changed or spliced ClientHellos do not crash the decoder",
  { skip: many, timeout: 900_000 },
  () => {
    fc.assert(fc.property(mutated, (hello) => void survives(hello)), { numRuns: 1_000_000 });
  },
);
