import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { interfaceAddrs, likelyLocalAddr } from "../../../../src/net/kernel/host/interfaces.ts";
import { formatIp, parseIp } from "../../../../src/protocol/address.ts";
import { until } from "../../../support/program/until.ts";

test("interfaceAddrs() returns each address of the system in canonical form without a zone", async () => {
  const listed = () => Object.values(networkInterfaces()).flatMap((entries) => entries ?? []).length;
  await until("it has listed what other programs may have changed", () => interfaceAddrs().length === listed());
  const addrs = interfaceAddrs();
  assert.ok(addrs.includes("127.0.0.1"));
  for (const addr of addrs) assert.equal(formatIp(parseIp(addr)!), addr);
});

test("interfaceAddrs() caches its result", () => {
  assert.equal(interfaceAddrs(), interfaceAddrs());
});

test("likelyLocalAddr() returns the local address in the same subnet", () => {
  assert.equal(likelyLocalAddr("127.0.0.9"), "127.0.0.1");
  assert.equal(likelyLocalAddr("::1"), "::1");
});

test("likelyLocalAddr() returns no loopback address for other destinations", () => {
  for (const host of ["192.0.2.46", "2001:db8::46"]) {
    assert.ok(!["127.0.0.1", "::1"].includes(likelyLocalAddr(host) ?? "none"));
  }
});
