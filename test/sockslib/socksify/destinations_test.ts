import assert from "node:assert/strict";
import { test } from "node:test";
import { Destinations } from "../../../src/sockslib/socksify/routing.ts";
import { Exclusions } from "../../../src/sockslib/socksify/exclusions.ts";
import { FakeAddresses } from "../../../src/sockslib/fake/fake_addresses.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

const gateway = { host: "192.0.2.1", port: 1080 };

function world(direct = "") {
  const names = new FakeAddresses({ clock: new TestClock() });
  return { names, destinations: new Destinations(new Exclusions(direct), names, gateway) };
}

test("the gateway gets a name as a name, a literal as a literal, and an IPv4-mapped address as IPv4", () => {
  const { destinations } = world();
  assert.deepEqual(destinations.via("Example.org", 80), { type: 3, host: "Example.org", port: 80 });
  assert.deepEqual(destinations.via("198.51.100.1", 80), { type: 1, host: "198.51.100.1", port: 80 });
  assert.deepEqual(destinations.via("[2001:DB8::1]", 80), { type: 4, host: "2001:db8::1", port: 80 });
  assert.deepEqual(destinations.via("::ffff:198.51.100.1", 80), { type: 1, host: "198.51.100.1", port: 80 });
});

test("the gateway gets the name of a fake address of either family in any spelling, never the address", () => {
  const { names, destinations } = world("*.excluded.test");
  const { ipv4, ipv6 } = names.fake("v6.test")!;
  for (const host of [ipv4, ipv6, `::ffff:${ipv4}`, ipv6.toUpperCase()]) {
    assert.deepEqual(destinations.via(host, 7), { type: 3, host: "v6.test", port: 7 }, host);
  }
  assert.throws(() => destinations.via("198.18.200.200", 7), { kind: "host-unreachable" });
  assert.throws(() => destinations.via("fd46:198:18::ffff", 7), { kind: "host-unreachable" });
});

test("loopback, link-local, multicast, zoned and excluded addresses and the gateway go directly", () => {
  const { destinations } = world("internal.test 10.0.0.0/8");
  const direct = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "::",
    "localhost",
    "a.localhost",
    "LOCALHOST.",
    "169.254.1.1",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.251",
    "ff02::fb",
    "255.255.255.255",
    "db.internal.test",
    "10.1.2.3",
    "::ffff:10.1.2.3",
    "",
  ];
  for (const host of direct) assert.equal(destinations.via(host, 80), undefined, host);
  assert.equal(destinations.via("192.0.2.1", 1080), undefined);
  assert.notEqual(destinations.via("192.0.2.1", 80), undefined, "another port of the gateway's host");
});

test("resolved addresses of excluded names go directly, up to a limit", () => {
  const { destinations } = world();
  destinations.learn("203.0.113.1");
  destinations.learn("not an address");
  assert.equal(destinations.via("203.0.113.1", 80), undefined);
  for (let i = 0; i < 5_000; i++) destinations.learn(`198.51.${i >> 8}.${i & 255}`);
  assert.notEqual(destinations.via("203.0.113.1", 80), undefined, "the oldest is forgotten");
  assert.equal(destinations.via("198.51.19.135", 80), undefined);
});

test("an invalid name is refused before any query (ip CVE-2023-42282: 127.1, 0x7f.1)", () => {
  const { destinations } = world();
  for (const host of ["127.1", "0x7f.1", "2130706433", "a b", "a/b", "x".repeat(256)]) {
    assert.throws(() => destinations.via(host, 80), { kind: "no-such-name" }, host);
  }
});
