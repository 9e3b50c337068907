import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseNamePattern } from "../../../src/gateway/rules/name_pattern.ts";
import { ListBuilder, ListedValues } from "../../../src/gateway/rules/value_list.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";

function listed(patterns: readonly string[], prefixes: readonly string[] = []) {
  const builder = new ListBuilder();
  for (const one of patterns) builder.addName(parseNamePattern(one)!);
  for (const one of prefixes) builder.addPrefix(parsePrefix(one)!);
  return builder.list();
}

const label = fc.constantFrom("a", "b", "ab", "xn--a", "a-very-long-label-that-is-none-of-the-others");
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const pattern = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(fc.constantFrom("", ".", "*."), name).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.constant("*") },
);

test("A list contains a name if one of its patterns matches, as in a linear search", () => {
  const fits = (text: string, asked: string) =>
    text === "*" || (!text.startsWith("*") && asked === text.replace(/^\./, "")) ||
    (/^\*?\./.test(text) && asked.endsWith(text.replace("*", "")));
  let met = 0;
  fc.assert(fc.property(fc.array(pattern, { maxLength: 8 }), name, (patterns, asked) => {
    const expected = patterns.some((one) => fits(one, asked));
    if (expected) met++;
    assert.equal(new ListedValues(listed(patterns)).hasName(asked), expected, `${asked} of ${patterns}`);
  }));
  assert.ok(met > 10, `${met} were in a list`);
});

test("A list contains an address if a prefix contains it, and has it alone if it is a single-address entry", () => {
  const list = new ListedValues(listed([], ["192.0.2.0/24", "192.0.3.7", "2001:db8::/33", "10.0.0.0/8", "::/0"]));
  const has = (text: string) => {
    const { octets } = parsePrefix(text)!;
    return [list.hasAddress(octets), list.hasAlone(octets)];
  };
  assert.deepEqual(has("192.0.2.255"), [true, false]);
  assert.deepEqual(has("192.0.3.7"), [true, true]);
  assert.deepEqual(has("192.0.3.8"), [false, false]);
  assert.deepEqual(has("2001:db8::1"), [true, false]);
});

test("100,000 names take under 32 octets each, and a cloned list finds all of them", () => {
  const builder = new ListBuilder();
  const names = Array.from({ length: 100_000 }, (_, i) => `ad${i}.example.net`);
  for (const one of names) builder.addName(parseNamePattern(`.${one}`)!);
  const list = structuredClone(builder.list());
  const { byteLength } = list.values;
  assert.ok(byteLength < 32 * names.length, `${byteLength} octets`);
  const asked = new ListedValues(list);
  assert.ok(names.every((one) => asked.hasName(one) && asked.hasName(`www.${one}`)));
  assert.ok(names.every((one) => !asked.hasName(`x${one}`)));
});

test("Names of the maximum length match, and invalid names do not", () => {
  const long = `${"a".repeat(63)}.`.repeat(3) + "b".repeat(61);
  const list = new ListedValues(listed([`.${long}`]));
  assert.equal(list.hasName(long), true);
  for (const odd of ["", ".", "..", `${long}.c`, "é.\u{1f600}", "\u0162".repeat(100), ".".repeat(255)]) {
    assert.equal(list.hasName(odd), false, odd);
  }
});
