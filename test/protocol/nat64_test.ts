import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatIp, parseIp } from "../../src/protocol/address.ts";
import { discoverPrefix, embedIpv4, extractIpv4, isNat64Prefix } from "../../src/protocol/ip/nat64.ts";
import { parsePrefix, Prefix } from "../../src/protocol/ip/prefix.ts";

/** RFC 6052 s2.4. */
const table = [
  ["2001:db8::/32", "2001:db8:c000:221::"],
  ["2001:db8:100::/40", "2001:db8:1c0:2:21::"],
  ["2001:db8:122::/48", "2001:db8:122:c000:2:2100::"],
  ["2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"],
  ["2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"],
  ["2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"],
  ["64:ff9b::/96", "64:ff9b::192.0.2.33"],
] as const;

const prefixes = fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.constantFrom(32, 40, 48, 56, 64, 96))
  .map(([octets, bits]) => new Prefix(octets.map((octet, i) => i < bits / 8 && i !== 8 ? octet : 0), bits));
const ipv4s = fc.uint8Array({ minLength: 4, maxLength: 4 });

describe("NAT64 addresses (RFC 6052)", () => {
  for (const [prefix, address] of table) {
    test(`embeds 192.0.2.33 in ${prefix} as ${address}`, () => {
      const ipv4 = parseIp("192.0.2.33")!, ipv6 = parseIp(address)!;
      assert.equal(formatIp(embedIpv4(parsePrefix(prefix)!, ipv4)), formatIp(ipv6));
      assert.deepEqual(extractIpv4(parsePrefix(prefix)!, ipv6), ipv4);
    });
  }

  test("extractIpv4() returns the IPv4 address that embedIpv4() embedded in any prefix", () => {
    fc.assert(fc.property(prefixes, ipv4s, (prefix, ipv4) => {
      assert.ok(isNat64Prefix(prefix));
      const ipv6 = embedIpv4(prefix, ipv4);
      assert.deepEqual(extractIpv4(prefix, ipv6), ipv4);
      assert.equal(ipv6[8], 0);
    }));
  });

  test("extractIpv4() finds no IPv4 address outside the prefix, or where bits 64 to 71 are not zero", () => {
    assert.equal(extractIpv4(parsePrefix("64:ff9b::/96")!, parseIp("64:ff9b:1::192.0.2.33")!), undefined);
    assert.equal(extractIpv4(parsePrefix("2001:db8::/32")!, parseIp("2001:db8:c000:221:100::")!), undefined);
  });

  test("isNat64Prefix() refuses other lengths, IPv4 prefixes, and prefixes with bits 64 to 71 set", () => {
    for (const text of ["192.0.2.0/24", "2001:db8::/33", "::/0", "2001:db8:0:0:100::/96", "64:ff9b::1/128"]) {
      assert.equal(isNat64Prefix(parsePrefix(text)!), false, text);
    }
  });
});

describe("The NAT64 prefix of a network (RFC 7050)", () => {
  test("is found in the answers for ipv4only.arpa, for each prefix length", () => {
    fc.assert(fc.property(prefixes, fc.constantFrom("192.0.0.170", "192.0.0.171"), (prefix, known) => {
      const found = discoverPrefix(embedIpv4(prefix, parseIp(known)!));
      assert.ok(found);
      // Octets of a random prefix may look like the address too: what is found then stands for it as well.
      assert.deepEqual(
        extractIpv4(found, embedIpv4(prefix, parseIp(known)!)),
        extractIpv4(prefix, embedIpv4(prefix, parseIp(known)!)),
      );
    }));
  });

  for (const [prefix] of table) {
    test(`is ${prefix} for ipv4only.arpa addresses in that prefix`, () => {
      for (const known of ["192.0.0.170", "192.0.0.171"]) {
        assert.equal(String(discoverPrefix(embedIpv4(parsePrefix(prefix)!, parseIp(known)!))), prefix);
      }
    });
  }

  test("is not found in any other address", () => {
    assert.equal(discoverPrefix(parseIp("2001:db8::1")!), undefined);
    assert.equal(discoverPrefix(parseIp("64:ff9b::192.0.0.172")!), undefined);
  });
});
