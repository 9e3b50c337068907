import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { FakeAddresses, type FakeAddressesOptions } from "../../../src/sockslib/fake/fake_addresses.ts";
import type { FakeJournal } from "../../../src/sockslib/fake/fake_journal.ts";
import { FileJournal } from "../../../src/sockslib/fake/file_journal.ts";
import { slow } from "../../support/program/skipped.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

function table(options: Partial<FakeAddressesOptions> = {}): FakeAddresses {
  return new FakeAddresses({ clock: new TestClock(), ...options });
}

class MemoryJournal implements FakeJournal {
  text = "";
  appended = 0;
  load(): string {
    return this.text;
  }
  append(text: string): void {
    this.appended++;
    this.text += text;
  }
  replace(text: string): void {
    this.text = text;
  }
}

const small = { ipv4: parsePrefix("192.0.2.0/29")!, ipv6: parsePrefix("fd00::/125")! }; // six names

describe("FakeAddresses", () => {
  test("gives a name the same index in each pool, and the same addresses again", () => {
    const fakes = table();
    assert.deepEqual(fakes.fake("a.example"), { ipv4: "198.18.0.1", ipv6: "fd46:198:18::1" });
    assert.deepEqual(fakes.fake("b.example"), { ipv4: "198.18.0.2", ipv6: "fd46:198:18::2" });
    assert.deepEqual(fakes.fake("a.example"), { ipv4: "198.18.0.1", ipv6: "fd46:198:18::1" });
  });

  test("finds a name by each address, in any spelling", () => {
    const fakes = table();
    fakes.fake("a.example");
    for (
      const spelling of [
        "198.18.0.1",
        "fd46:198:18::1",
        "FD46:198:18:0:0:0:0:1",
        "fd46:198:18::0.0.0.1",
        "::ffff:198.18.0.1",
      ]
    ) {
      const known = spelling.startsWith("::ffff") ? undefined : "a.example"; // unwrapped where sockets are
      assert.equal(fakes.nameOf(spelling), known, spelling);
    }
    for (
      const other of ["198.18.0.2", "198.18.0.0", "192.0.2.1", "fd46:198:18::2", "fd46:198:18:1::1", "a.example", ""]
    ) {
      assert.equal(fakes.nameOf(other), undefined, other);
    }
    assert.ok(fakes.covers("198.19.255.255") && fakes.covers("fd46:198:18:0:ffff::1"));
    assert.ok(!fakes.covers("198.20.0.0") && !fakes.covers("fd46:198:18:1::1") && !fakes.covers("a.example"));
  });

  test("ignores case and a trailing dot (one-case names: Dante)", () => {
    const fakes = table();
    assert.equal(fakes.fake("A.Example."), fakes.fake("a.example"));
    assert.equal(fakes.nameOf("198.18.0.1"), "a.example");
  });

  test("answers PTR", () => {
    const fakes = table();
    fakes.fake("a.example");
    assert.equal(fakes.pointer("1.0.18.198.in-addr.arpa"), "a.example");
    const nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.1.0.0.8.9.1.0.6.4.d.f.ip6.arpa.";
    assert.equal(fakes.pointer(nibbles), "a.example");
    for (const name of ["2.0.18.198.in-addr.arpa", "0.18.198.in-addr.arpa", "a.example", "1.ip6.arpa"]) {
      assert.equal(fakes.pointer(name), undefined, name);
    }
  });

  test("gives no fake address to addresses (RFC 3089 s3) and invalid names", () => {
    const fakes = table();
    for (
      const text of ["192.0.2.1", "2001:db8::1", "127.1", "0x7f.1", "", ".", "a b", "a:1", "x".repeat(256), "1.2.3.4."]
    ) {
      assert.equal(fakes.fake(text), undefined, text);
    }
    assert.equal(fakes.size, 0);
  });

  test("gives no fake address to excluded names", () => {
    const fakes = table({ isExcluded: (name) => name.endsWith(".lan") });
    assert.equal(fakes.fake("Printer.LAN."), undefined);
    assert.ok(fakes.fake("lan.example"));
  });

  test("supports the addresses 0.0.0.x of RFC 3089, and IPv6 pools with zero groups (RFC 5952)", () => {
    const fakes = table({ ipv4: parsePrefix("0.0.0.0/24")!, ipv6: parsePrefix("fd00:0:0:1::/64")! });
    for (let i = 1; i <= 254; i++) {
      const { ipv4, ipv6 } = fakes.fake(`${i}.example`)!;
      assert.equal(ipv4, `0.0.0.${i}`);
      assert.equal(fakes.nameOf(ipv6), `${i}.example`);
    }
    assert.throws(() => fakes.fake("255.example"), { kind: "name-lookup-failed" });
  });

  test("keeps to its limit, and reuses expired addresses (254 names and then nothing: Dante, hev, proxychains)", async () => {
    const clock = new TestClock();
    const fakes = table({ clock, max: 3, expiryMs: 1_000 });
    for (const name of ["a", "b", "c"]) fakes.fake(name);
    assert.throws(() => fakes.fake("d"), /all 3 fake addresses are in use/);
    await clock.advance(1_000);
    fakes.fake("a");
    assert.equal(fakes.fake("d")!.ipv4, "198.18.0.2", "that of b, used longest ago");
    assert.equal(fakes.nameOf("198.18.0.2"), "d");
    assert.equal(fakes.size, 3);
    assert.throws(() => {
      for (const name of ["e", "f"]) fakes.fake(name);
    }, /in use/);
  });

  test("never reuses a pinned address (addresses reused while still connected)", async () => {
    const clock = new TestClock();
    const fakes = table({ clock, max: 2, expiryMs: 1_000 });
    fakes.fake("a");
    fakes.fake("b");
    const unpin = [fakes.pin("a"), fakes.pin("A.")];
    await clock.advance(5_000);
    assert.equal(fakes.fake("c")!.ipv4, "198.18.0.2");
    assert.throws(() => fakes.fake("d"), /in use/);
    unpin[0]!();
    unpin[0]!();
    await clock.advance(5_000);
    assert.equal(fakes.fake("d")!.ipv4, "198.18.0.2");
    unpin[1]!();
    await clock.advance(5_000);
    assert.equal(fakes.fake("e")!.ipv4, "198.18.0.2", "d was used before a");
    assert.equal(fakes.fake("f")!.ipv4, "198.18.0.1");
  });

  test("refuses pools that are too small or of the wrong family", () => {
    assert.throws(() => table({ ipv4: parsePrefix("192.0.2.0/31")! }), /too small/);
    assert.throws(() => table({ ipv4: parsePrefix("fd00::/64")! }), /not IPv4 and IPv6/);
  });

  test("behaves like a simple model for any sequence of calls", () => {
    const names = fc.constantFrom(..."abcdefghij");
    const step = fc.oneof(
      fc.record({ do: fc.constant("fake" as const), name: names }),
      fc.record({ do: fc.constant("nameOf" as const), number: fc.integer({ min: 0, max: 7 }), six: fc.boolean() }),
      fc.record({ do: fc.constant("pin" as const), name: names }),
      fc.record({ do: fc.constant("unpin" as const) }),
      fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 1_500 }) }),
      fc.record({ do: fc.constant("restart" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let now = 0;
        const clock = { now: () => now, after: () => () => {} };
        const journal = new MemoryJournal();
        const open = () => new FakeAddresses({ clock, expiryMs: 1_000, journal, ...small });
        let fakes = open();
        let model: { name: string; number: number; usedAt: number; pins: number }[] = []; // used longest ago first
        let unpins: (() => void)[] = [];
        const use = (entry: (typeof model)[number]) => {
          entry.usedAt = now;
          model = [...model.filter((one) => one !== entry), entry];
        };
        for (const one of steps) {
          if (one.do === "wait") now += one.ms;
          else if (one.do === "restart") {
            fakes = open();
            unpins = [];
            for (const entry of model) Object.assign(entry, { usedAt: now, pins: 0 });
            // The journal knows when a name was given, not when it was used.
            model = journal.text.split("\n").slice(1, -1).map((line) => line.split(" ")).flatMap(([number, name]) =>
              model.filter((entry) => entry.name === name && entry.number === Number(number))
            ).filter((entry, i, all) => all.lastIndexOf(entry) === i);
          } else if (one.do === "fake") {
            let entry = model.find(({ name }) => name === one.name);
            if (!entry) {
              let number = [1, 2, 3, 4, 5, 6].find((free) => model.every((other) => other.number !== free));
              if (number === undefined) {
                const oldest = model.find(({ pins }) => pins === 0);
                if (!oldest || now - oldest.usedAt < 1_000) {
                  assert.throws(() => fakes.fake(one.name));
                  continue;
                }
                model = model.filter((other) => other !== oldest);
                number = oldest.number;
              }
              model.push(entry = { name: one.name, number, usedAt: now, pins: 0 });
            }
            use(entry);
            assert.deepEqual(fakes.fake(one.name), { ipv4: `192.0.2.${entry.number}`, ipv6: `fd00::${entry.number}` });
          } else if (one.do === "nameOf") {
            const entry = model.find(({ number }) => number === one.number);
            if (entry) use(entry);
            assert.equal(fakes.nameOf(one.six ? `fd00::${one.number}` : `192.0.2.${one.number}`), entry?.name);
          } else if (one.do === "pin") {
            const entry = model.find(({ name }) => name === one.name);
            const unpin = fakes.pin(one.name);
            if (!entry) continue;
            entry.pins++;
            unpins.push(() => {
              unpin();
              entry.pins--;
              use(entry);
            });
          } else unpins.shift()?.();
          assert.equal(fakes.size, model.length);
        }
      }),
      { numRuns: 400 },
    );
  });

  for (const [count, long] of [[50_000, false], [1_000_000, true]] as const) {
    const what = `finds each of ${count} names again, and by each of its addresses`;
    test(what, { skip: long && slow(what), timeout: 240_000 }, () => {
      const fakes = table({ ipv4: parsePrefix("10.0.0.0/8")! });
      const names = Array.from({ length: count }, (_, i) => `host-${i}.example`);
      const pairs = names.map((name) => fakes.fake(name)!);
      assert.equal(new Set(pairs.map(({ ipv4 }) => ipv4)).size, names.length);
      let wrong = 0;
      for (let i = 0; i < count; i++) {
        const one = (i * 7_919) % count, { ipv4, ipv6 } = pairs[one]!;
        if (fakes.fake(names[one]!) !== pairs[one]) wrong++;
        if (fakes.nameOf(ipv4) !== names[one] || fakes.nameOf(ipv6) !== names[one]) wrong++;
      }
      assert.equal(wrong, 0);
    });
  }
});

describe("The journal of fake addresses", () => {
  test("restores the table after the process was killed", () => {
    const journal = new MemoryJournal();
    const before = table({ journal });
    const pairs = ["a.example", "b.example"].map((name) => before.fake(name));
    const after = table({ journal });
    assert.deepEqual(["a.example", "b.example"].map((name) => after.fake(name)), pairs);
    assert.equal(journal.appended, 2, "what is known already is not written again");
  });

  test("skips a truncated line and invalid lines", () => {
    const journal = new MemoryJournal();
    table({ journal }).fake("a.example");
    journal.text += "x\n99999999 far.example\n2 UPPER\n3 192.0.2.1\n4 d.example\n5 e.exam";
    const again = table({ journal });
    assert.equal(again.nameOf("198.18.0.4"), "d.example");
    assert.equal(again.size, 2);
    again.fake("b.example");
    assert.deepEqual(table({ journal }).fake("b.example"), { ipv4: "198.18.0.2", ipv6: "fd46:198:18::2" });
    assert.doesNotMatch(journal.text, /e\.exam\n/);
  });

  test("of other pools is discarded", () => {
    const journal = new MemoryJournal();
    table({ journal }).fake("a.example");
    assert.equal(table({ journal, ...small }).size, 0);
  });

  test("does not grow without bound", async () => {
    const journal = new MemoryJournal(), clock = new TestClock();
    const fakes = table({ journal, clock, max: 10, expiryMs: 1 });
    for (let i = 0; i < 10_000; i++) {
      fakes.fake(`${i}.example`);
      if (i % 10 === 9) await clock.advance(1);
    }
    assert.ok(journal.text.split("\n").length < 4_200);
    assert.equal(table({ journal }).size, 10);
  });

  test("drops a name that could not be saved, and saves the next one", () => {
    const journal = new MemoryJournal();
    const fakes = table({ journal });
    fakes.fake("a.example");
    const append = journal.append;
    journal.append = () => {
      throw new Error("No space left on device");
    };
    for (const name of ["b.example", "c.example"]) assert.throws(() => fakes.fake(name), /No space/);
    assert.equal(fakes.nameOf("198.18.0.2"), undefined);
    journal.append = append;
    assert.equal(fakes.fake("c.example")!.ipv4, "198.18.0.2");
    assert.equal(fakes.fake("b.example")!.ipv4, "198.18.0.3");
    const restored = table({ journal });
    assert.deepEqual(["198.18.0.1", "198.18.0.2", "198.18.0.3"].map((ip) => restored.nameOf(ip)), [
      "a.example",
      "c.example",
      "b.example",
    ]);
  });

  test("is readable by its owner only, and complete at any time", () => {
    const folder = mkdtempSync(join(tmpdir(), "gate46-"));
    try {
      const path = join(folder, "fakes");
      const journal = new FileJournal(path);
      table({ journal }).fake("a.example");
      assert.match(readFileSync(path, "utf8"), /\n1 a\.example\n$/);
      const other = new FileJournal(path);
      assert.equal(table({ journal: other }).nameOf("198.18.0.1"), "a.example");
      writeFileSync(path, "rubbish");
      assert.equal(table({ journal: other }).size, 0);
      journal.close();
      other.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
