import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { FakeAddresses } from "../../../src/sockslib/fake/fake_addresses.ts";
import { NamesReader, NamesWriter, sharedNamesSize } from "../../../src/sockslib/fake/shared_names.ts";
import { RoutedDestinations } from "../../../src/sockslib/transparent/routed_destinations.ts";

const pools = [parsePrefix("192.0.2.0/28")!, parsePrefix("fd00::/64")!] as const;
const EXPIRY_MS = 60_000;

/** A table for `max` names that two readers look at. */
function shared(max = 4) {
  let now = 1_000_000;
  const clock = { now: () => now, after: () => () => {}, advance: (ms: number) => void (now += ms) }, readers = 2;
  const nowS = () => 1 + Math.floor(clock.now() / 1_000);
  const memory = new SharedArrayBuffer(sharedNamesSize(max, readers));
  const writer = new NamesWriter(memory, max, readers, nowS);
  const names = new FakeAddresses({
    clock,
    ipv4: pools[0],
    ipv6: pools[1],
    max,
    expiryMs: EXPIRY_MS,
    elsewhere: writer,
  });
  const [one, other] = [0, 1].map((reader) => {
    return new RoutedDestinations(new NamesReader(memory, max, { reader, readers }, nowS), pools);
  }) as [RoutedDestinations, RoutedDestinations];
  return { clock, names, writer, one, other };
}

test("a reader maps a fake address of either family to its name, and keeps a real address", () => {
  const { names, one } = shared();
  const { ipv4, ipv6 } = names.fake("A.Example")!;
  for (const host of [ipv4, ipv6]) assert.equal(one.of({ host, port: 80 })!.host, "a.example");
  assert.equal(one.of({ host: "198.51.100.1", port: 80 })!.host, "198.51.100.1");
  for (const host of ["192.0.2.0", "192.0.2.2", "192.0.2.15", "fd00::", "fd00::2", "fd00::1:0:0:1"]) {
    assert.equal(one.of({ host, port: 80 }), undefined, `${host} stands for no name`);
  }
});

test("a name in use by a reader keeps its addresses until release, and for the expiry time after it", () => {
  const { clock, names, one, other } = shared(2);
  const { ipv4 } = names.fake("a.example")!, full = /all 2 fake addresses are in use/;
  names.fake("b.example");
  const destination = one.of({ host: ipv4, port: 1 })!;
  other.of({ host: ipv4, port: 1 });
  clock.advance(EXPIRY_MS);
  assert.equal(names.fake("c.example")!.ipv4, "192.0.2.2", "b rests");
  assert.throws(() => names.fake("d.example"), full);
  one.left(destination);
  clock.advance(EXPIRY_MS - 1_000);
  assert.throws(() => names.fake("d.example"), full, "the other uses it");
  other.left(destination);
  names.fake("c.example");
  clock.advance(EXPIRY_MS - 1_000);
  assert.throws(() => names.fake("d.example"), full, "it was used a moment ago");
  names.fake("c.example");
  clock.advance(1_000);
  assert.equal(names.fake("d.example")!.ipv4, ipv4);
  assert.equal(one.of({ host: ipv4, port: 1 })!.host, "d.example");
});

test("names of a dead reader are released", () => {
  const { clock, names, writer, one } = shared(1);
  one.of({ host: names.fake("a.example")!.ipv4, port: 1 });
  writer.clear(0);
  clock.advance(EXPIRY_MS);
  assert.equal(names.fake("b.example")!.ipv4, "192.0.2.1");
});

test("one client has a quarter of the names at most, and may reuse its unused ones", () => {
  const { clock, names } = shared(8);
  for (const name of ["a", "b"]) names.fake(`${name}.example`, "10.0.0.1");
  assert.throws(() => names.fake("c.example", "10.0.0.1"), /for 10\.0\.0\.1: 2 of its names are in use/);
  assert.ok(names.fake("a.example", "10.0.0.1"), "what it has stays");
  for (const name of ["d", "e"]) assert.ok(names.fake(`${name}.example`, "10.0.0.2"), "another client has its own");
  clock.advance(EXPIRY_MS - 1);
  names.fake("a.example", "10.0.0.1");
  clock.advance(1);
  assert.equal(names.fake("c.example", "10.0.0.1")!.ipv4, "192.0.2.2", "that of b");
  assert.throws(() => names.fake("f.example", "10.0.0.1"), /in use/);
});

test("an address never maps to a wrong name, for any sequence of lookups, uses and releases", () => {
  const step = fc.record({
    act: fc.constantFrom("ask", "use", "leave", "wait"),
    name: fc.nat(9),
    reader: fc.nat(1),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const { clock, names, one, other } = shared(4);
    const readers = [one, other],
      told = new Map<string, string>(),
      used: { host: string; name: string; reader: number }[] = [];
    for (const { act, name: number, reader } of steps) {
      const name = `n${number}.example`;
      if (act === "wait") clock.advance(EXPIRY_MS / 2);
      if (act === "ask") {
        try {
          told.set(names.fake(name)!.ipv4, name);
        } catch {
          // All are in use.
        }
      }
      if (act === "use") {
        const host = Array.from(told.keys())[number % Math.max(1, told.size)] ?? "192.0.2.1";
        const found = readers[reader]!.of({ host, port: 1 });
        assert.equal(found?.host, told.get(host));
        if (found) used.push({ host, name: found.host, reader });
      }
      if (act === "leave" && used.length > 0) {
        const [{ name, reader }] = used.splice(number % used.length, 1) as [typeof used[number]];
        readers[reader]!.left({ type: 3, host: name, port: 1 });
      }
      for (const { host, name } of used) assert.equal(told.get(host), name, "it is in use");
    }
  }));
});
