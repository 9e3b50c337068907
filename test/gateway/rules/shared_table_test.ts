import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packRules } from "../../../src/gateway/rules/packed_rules.ts";
import { SharedTable, sharedTable } from "../../../src/gateway/rules/shared_table.ts";
import { Ruleset } from "../../../src/gateway/rules/ruleset.ts";
import { ipAddress } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { rulesOf } from "../../support/memory/rules.ts";

test("SharedTable contains exactly the entries that were added", () => {
  const key = fc.string({ unit: fc.constantFrom("a", "b", "\u00e9", "\ud800"), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.array(fc.nat(9), { maxLength: 3 }))), fc.array(key), (pairs, others) => {
      const entries = new Map(pairs);
      const table = new SharedTable(sharedTable(entries));
      for (const [key, numbers] of entries) assert.equal(table.get(key)!.join(), numbers.join());
      for (const other of others) {
        assert.equal(table.has(other), entries.has(other));
        assert.equal(table.get(other)?.join(), entries.get(other)?.join());
      }
    }),
  );
});

test("Packed rules from another thread give the same verdicts as the originals, and share their values without a copy", () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `host${i}.example.org`);
  const to = Array.from({ length: 100 }, (_, i) => `203.0.${i}.0/24`);
  const rules = rulesOf([
    { action: "deny", names },
    { action: "allow", users: ["ann"], to: [...to, "127.0.0.1"], names: names.map((name) => `*.${name}`) },
    { action: "deny", to },
  ]);
  const packed = packRules(rules);
  const cloned = structuredClone(packed); // as a message to a worker
  const size = JSON.stringify(cloned).length; // in which shared memory is nothing
  assert.ok(size < 4_000, `${size} letters are copied`);
  const options = { allow: [], ownListeners: () => [], localAddrs: () => [] };
  const client = { host: "198.51.100.1", port: 1 }, command = Command.Connect;
  const asked: readonly (readonly [string, string | undefined, string | undefined, string])[] = [
    ["192.0.2.1", "host7.example.org", undefined, "deny rules[0]"],
    ["203.0.7.1", "a.host7.example.org", "ann", "allow rules[1]"],
    ["127.0.0.1", "a.host7.example.org", "ann", "allow rules[1]"],
    ["203.0.7.1", "a.host7.example.org", "bob", "deny rules[2]"],
    ["203.0.7.1", "host1000.example.org", "ann", "deny rules[2]"],
    ["192.0.2.1", "host1000.example.org", "ann", "allow open by default"],
  ];
  for (const own of [rules, packed, cloned]) {
    const ruleset = new Ruleset({ ...options, rules: own });
    const said = asked.map(([host, name, username]) => {
      const { allowed, rule } = ruleset.judgeFor({ client, command, username }).address(ipAddress(host, 80)!, name);
      return `${allowed ? "allow" : "deny"} ${rule}`;
    });
    assert.deepEqual(said, asked.map(([, , , wanted]) => wanted));
  }
});
