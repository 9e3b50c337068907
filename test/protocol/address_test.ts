import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { encodeAddress, formatIp, ipAddress, nameAddress, octetsAddress, parseIp } from "../../src/protocol/address.ts";
import { AddressType } from "../../src/protocol/codes.ts";
import { embeddedIpv4s } from "../../src/protocol/ip/embedded_ipv4.ts";
import { ProtocolError } from "../../src/protocol/protocol_error.ts";
import { parsePrefix } from "../../src/protocol/ip/prefix.ts";

test("parseIp() accepts the same addresses as the system, and refuses zone IDs (Go CVE-2025-22870)", () => {
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.stringMatching(/^[0-9a-f:.%x]{0,45}$/));
  fc.assert(
    fc.property(texts, (text) =>
      assert.equal(
        parseIp(text)?.length,
        ({ 4: 4, 6: 16 } as Record<number, number>)[text.includes("%") ? 0 : isIP(text)],
      )),
    { numRuns: 2_000 },
  );
});

test("formatIp() writes the canonical form, and parseIp() reads it back to the same octets", () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(fc.property(octets, (bytes) => {
    const text = formatIp(bytes);
    assert.deepEqual(parseIp(text), new Uint8Array(bytes));
    assert.equal(text, text.toLowerCase());
    assert.notEqual(isIP(text), 0);
  }));
  for (
    const [text, canonical] of [["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], ["0:0:0:0:0:0:0:0", "::"], [
      "::1",
      "::1",
    ], ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"]]
  ) {
    assert.equal(formatIp(parseIp(text!)!), canonical);
  }
});

test("ipAddress() returns the canonical address with the requested port, also for a text that it has read before", () => {
  for (
    const [text, type, host] of [
      ["2001:DB8:0:0:1:0:0:1", AddressType.IPv6, "2001:db8::1:0:0:1"],
      ["::ffff:192.0.2.1", AddressType.IPv4, "192.0.2.1"],
      ["192.0.2.1", AddressType.IPv4, "192.0.2.1"],
    ] as const
  ) {
    for (const port of [443, 80, 0]) assert.deepEqual(ipAddress(text, port), { type, host, port });
    assert.equal(parseIp(text)!.length, text.includes(":") ? 16 : 4);
  }
});

test("parseIp() refuses short, octal and hex forms of IPv4 (npm ip CVE-2023-42282, CVE-2024-29415)", () => {
  for (
    const text of [
      "127.1",
      "0177.0.0.1",
      "0x7f.0.0.1",
      "2130706433",
      "127.0.0.01",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3",
      "",
      ".1.2.3",
      "::ffff:0177.0.0.1",
      "::ffff:127.1",
      "1.2.3.4 ",
    ]
  ) {
    assert.equal(parseIp(text), undefined, text);
  }
});

test("ipAddress() turns an IPv4-mapped IPv6 address into IPv4 in every spelling, and leaves IPv4-compatible ones as IPv6", () => {
  for (const text of ["::ffff:127.0.0.1", "::fFFf:127.0.0.1", "0:0:0:0:0:ffff:7f00:1"]) {
    assert.equal(ipAddress(text, 1)!.host, "127.0.0.1");
  }
  assert.equal(ipAddress("::192.0.2.1", 1)!.host, "::c000:201");
});

test("nameAddress() turns an IP literal into an address, and refuses names that inet_aton() would read (sing-box, Xray: passed on)", () => {
  assert.equal(nameAddress("[::1]", 1).host, "::1");
  assert.equal(nameAddress("::ffff:10.0.0.1", 1).host, "10.0.0.1");
  for (
    const name of [
      "",
      "a".repeat(256),
      "127.1",
      "0x7f000001",
      "1.2.3.4.",
      "2130706433",
      "fe80::1%eth0",
      "a b",
      "a\nb",
      "a\u0000b",
      "käse",
      "[1.2.3.4]",
      "host:80",
    ]
  ) {
    assert.throws(() => nameAddress(name, 1), ProtocolError, name);
  }
  for (const name of ["example.org", "EXAMPLE.org.", "xn--kse-qla.de", "_srv.example", "1e100.net", "localhost"]) {
    assert.deepEqual(nameAddress(name, 7), { type: 3, host: name, port: 7 });
  }
});

test("encodeAddress() refuses an invalid host", () => {
  for (const host of ["", "a".repeat(256)]) assert.throws(() => encodeAddress({ type: 3, host, port: 1 }), RangeError);
  assert.throws(() => encodeAddress({ type: 1, host: "nowhere", port: 1 }), RangeError);
});

const embedded: readonly (readonly [host: string, ...inside: string[]])[] = [
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::10.1.2.3", "10.1.2.3"],
  ["::ffff:0:10.1.2.3", "10.1.2.3"],
  ["64:ff9b::10.1.2.3", "10.1.2.3"],
  ["64:ff9b:1::10.1.2.3", "10.1.2.3"],
  ["64:ff9b:1:a01:2:300::", "10.1.2.3", "1.2.3.0", "2.3.0.0"], // behind a /48, /56 or /64
  ["64:ff9b:1:0a:1:203::", "10.1.2.3", "1.2.3.0"], // behind a /56 or /64
  ["64:ff9b:1::a:102:300:0", "10.1.2.3", "3.0.0.0"], // behind a /64 or /96
  ["64:ff9b:1::7f:0:100:0", "127.0.0.1", "1.0.0.0"],
  ["64:ff9b:1::", "0.0.0.0"],
  ["2002:a01:203::1", "10.1.2.3"],
  ["2001:0:1:2:3:4:f5fe:fdfc", "10.1.2.3"],
  ["2001:db8::200:5efe:10.1.2.3", "10.1.2.3"],
  ["fe80::5efe:10.1.2.3", "10.1.2.3"],
  ["::"],
  ["::1"],
  ["2001:db8::1"],
  ["fd00:ec2::254"],
];
for (const [host, ...inside] of embedded) {
  test(`embeddedIpv4s() finds ${inside.join(" or ") || "no IPv4 address"} in ${host} (3proxy, shadowsocks-rust: an IPv4 rule bypassed)`, () => {
    assert.deepEqual(embeddedIpv4s(parseIp(host)!).map(formatIp), inside);
  });
}

test("a prefix contains the addresses that share its bits, and parsePrefix() refuses a prefix with host bits set", () => {
  const contains = (prefix: string, host: string) => parsePrefix(prefix)!.contains(parseIp(host)!);
  assert.ok(
    contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.0") && contains("0.0.0.0/0", "1.2.3.4"),
  );
  assert.ok(contains("2001:db8::/33", "2001:db8:7fff::") && !contains("2001:db8::/33", "2001:db8:8000::"));
  assert.ok(!contains("0.0.0.0/0", "::1") && parsePrefix("::1")!.single);
  for (const text of ["", "/8", "10.0.0.1/8", "10.0.0.0/33", "fe80::/200", "10.0.0.0/", "10.0.0.0/8/8", "host"]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
});

test("parsePrefix() turns a prefix of IPv4-mapped addresses into the IPv4 prefix, so that rules match IPv4 clients", () => {
  for (
    const [mapped, plain] of [["::ffff:10.0.0.0/104", "10.0.0.0/8"], ["::ffff:0:0/96", "0.0.0.0/0"]] as const
  ) assert.equal(String(parsePrefix(mapped)), plain);
  assert.equal(String(parsePrefix("::ffff:192.0.2.7")), "192.0.2.7/32");
  assert.equal(String(parsePrefix("::/95")), "::/95");
});

test("octetsAddress() round-trips through the wire form", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(65_535), (octets, port) => {
    assert.deepEqual(encodeAddress(octetsAddress(octets, port)), Uint8Array.of(1, ...octets, port >> 8, port & 255));
  }));
});
