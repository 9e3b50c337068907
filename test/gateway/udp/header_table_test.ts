import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Headed, HeaderTable } from "../../../src/gateway/udp/header_table.ts";

interface One extends Headed<One> {
  readonly name: string;
}

test("a HeaderTable finds the same entries as a Map with text keys after any additions and removals", () => {
  const header = fc.uint8Array({ minLength: 0, maxLength: 3, max: 2 }); // few, so that they come again
  const step = fc.record({ header, removes: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const table = new HeaderTable<One>(), map = new Map<string, One>();
    for (const { header, removes } of steps) {
      const name = String(header);
      const known = map.get(name);
      assert.equal(table.find(header), known);
      if (known && removes) {
        table.remove(known);
        map.delete(name);
      } else if (!known) {
        const one = { name, header, alike: undefined };
        table.add(one);
        map.set(name, one);
      }
    }
    for (const one of map.values()) assert.equal(table.find(one.header.slice()), one);
  }));
});

test("a HeaderTable distinguishes headers with the same hash", () => {
  const { imul } = Math;
  Math.imul = () => 0; // all meet
  try {
    const table = new HeaderTable<One>();
    const all = Array.from(
      { length: 5 },
      (_, i): One => ({ name: `${i}`, header: Uint8Array.of(i), alike: undefined }),
    );
    for (const one of all) table.add(one);
    const found = () => all.map(({ header }) => table.find(header)?.name).join();
    assert.equal(found(), "0,1,2,3,4");
    for (const [gone, left] of [[2, "0,1,,3,4"], [4, "0,1,,3,"], [0, ",1,,3,"], [3, ",1,,,"], [1, ",,,,"]] as const) {
      table.remove(all[gone]!);
      assert.equal(found(), left);
    }
  } finally {
    Math.imul = imul;
  }
});
