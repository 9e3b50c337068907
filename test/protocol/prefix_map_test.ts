import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Prefix } from "../../src/protocol/ip/prefix.ts";
import { PrefixMap } from "../../src/protocol/ip/prefix_map.ts";

/** Octets that are often alike, so that prefixes nest. */
const octets = (size: number) =>
  fc.array(fc.constantFrom(0, 1, 128, 255), { minLength: size, maxLength: size }).map((list) => Uint8Array.from(list));
const address = fc.oneof(octets(4), octets(16));
const prefix = fc.tuple(address, fc.nat(128)).map(([bytes, length]) => {
  const bits = Math.min(length, bytes.length * 8);
  const cut = bytes.map((octet, i) => octet & (0xff00 >> Math.max(0, Math.min(8, bits - i * 8))));
  return new Prefix(cut, bits);
});

test("PrefixMap finds all prefixes that contain an address, the longest first", () => {
  fc.assert(fc.property(fc.array(prefix, { maxLength: 60 }), fc.array(address, { maxLength: 20 }), (prefixes, all) => {
    const map = new PrefixMap(prefixes.map((one, i) => [one, i]));
    for (const bytes of [...all, ...prefixes.map(({ octets }) => octets)]) {
      const found: number[] = [];
      let bits = Infinity;
      for (let entry = map.find(bytes); entry; entry = entry.parent) {
        assert.ok(entry.prefix.bits <= bits);
        bits = entry.prefix.bits;
        found.push(entry.value);
      }
      const wanted = prefixes.flatMap((one, i) => one.contains(bytes) ? [i] : []);
      assert.deepEqual(found.sort((a, b) => a - b), wanted);
    }
  }));
});
