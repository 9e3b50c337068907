import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ClientLeft, Wire } from "../../../src/gateway/entrance/wire.ts";
import type { Decode } from "../../../src/protocol/cursor.ts";
import { ProtocolError } from "../../../src/protocol/protocol_error.ts";
import { bytes, hex, joined, pattern } from "../../support/wire/bytes.ts";
import { Internet } from "../../support/memory/memory_net.ts";
import type { MemorySocket } from "../../support/memory/memory_socket.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";

/** A message is its length and so many octets; length 255 is none. */
const decode: Decode<string> = (octets) => {
  if (octets[0] === 255) throw new ProtocolError("Cannot read: 255");
  const size = 1 + octets[0]!;
  return octets.length < size ? undefined : { value: hex(octets.subarray(1, size)), size };
};

async function connection(): Promise<{ wire: Wire; far: MemorySocket }> {
  const host = new Internet(new TestClock()).host("192.0.2.1");
  const listener = await host.listen({ host: "192.0.2.1", port: 1 });
  const far = await host.connect(listener.addr);
  const near = await listener.accept();
  return { wire: new Wire(near!), far };
}

describe("Wire", () => {
  test("reads messages from segments of any size, and keeps the octets after them", async () => {
    const slices = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 });
    const messages = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(messages, slices, fc.uint8Array({ maxLength: 300 }), async (bodies, sizes, tail) => {
        const { wire, far } = await connection();
        const stream = joined(...bodies.flatMap((body) => [Uint8Array.of(body.length), body]), tail);
        const taken = (async () => {
          const values: string[] = [];
          for (const _ of bodies) values.push(await wire.take(decode));
          return values;
        })();
        let end = 0;
        for (let i = 0; end < stream.length; i++) {
          await far.write(stream.subarray(end, end += sizes[i % sizes.length]!));
          await settle();
        }
        assert.deepEqual(await taken, bodies.map(hex));
        const rest = wire.rest() ?? new Uint8Array(0);
        assert.equal(hex(rest), hex(tail.subarray(0, rest.length)), "what follows is as it came");
      }),
      { numRuns: 50 },
    );
  });

  test("copies the octets that rest() returns, because the next read overwrites the buffer", async () => {
    const { wire, far } = await connection();
    await far.write(joined(Uint8Array.of(1, 7), pattern(100)));
    assert.equal(await wire.take(decode), "07");
    const rest = wire.rest()!;
    await far.write(bytes("01 08"));
    assert.equal(await wire.take(decode), "08");
    assert.equal(hex(rest), hex(pattern(100)));
    assert.equal(wire.rest(), undefined);
  });

  test("reports that the client disconnected, inside a message or before it", async () => {
    for (const begun of ["", "05 01 02"]) {
      const { wire, far } = await connection();
      if (begun) await far.write(bytes(begun));
      far.close();
      await assert.rejects(wire.take(decode), ClientLeft);
    }
  });

  test("throws a reset as a network error", async () => {
    const { wire, far } = await connection();
    far.reset();
    await assert.rejects(wire.take(decode), { name: "NetError", kind: "reset" });
  });

  test("throws the decoder's error", async () => {
    const { wire, far } = await connection();
    await far.write(bytes("ff"));
    await assert.rejects(wire.take(decode), ProtocolError);
  });

  test("reports that the client disconnected if a write fails", async () => {
    const { wire, far } = await connection();
    far.reset();
    await assert.rejects(wire.send(bytes("05 00")), ClientLeft);
  });
});
