import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeNames } from "../../../src/sockslib/socksify/fake_names.ts";

test("names and addresses of both families stand for each other; case and a trailing dot do not count", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.domain(), { selector: (name) => name.toLowerCase(), maxLength: 50 }), (list) => {
      const names = new FakeNames();
      const pairs = list.map((name) => names.fake(name));
      assert.equal(new Set(pairs.flatMap(({ v4, v6 }) => [v4, v6])).size, list.length * 2);
      for (const [i, { v4, v6 }] of pairs.entries()) {
        const name = list[i]!.toLowerCase();
        assert.deepEqual(names.fake(`${name.toUpperCase()}.`), { v4, v6 });
        assert.deepEqual([names.nameOf(v4), names.nameOf(v6)], [name, name]);
        assert.ok(names.covers(v4) && names.covers(v6));
      }
    }),
  );
});

test("more than 254 names (dante, hev, proxychains: 254 and then nothing), and then a clear error", () => {
  const names = new FakeNames();
  const addresses = new Set<string>();
  for (let i = 1; i < 2 ** 17; i++) addresses.add(names.fake(`${i}.test`).v4);
  assert.equal(addresses.size, 2 ** 17 - 1);
  assert.throws(() => names.fake("one.more.test"), { kind: "name-lookup-failed" });
  assert.equal(names.nameOf(names.fake("1.test").v4), "1.test");
});

test("what is outside of the pools is not covered", () => {
  const names = new FakeNames();
  for (const host of ["198.17.255.255", "198.20.0.0", "fd46:198:19::1", "name", ""]) {
    assert.ok(!names.covers(host), host);
  }
  assert.equal(names.nameOf("198.18.0.9"), undefined);
});
