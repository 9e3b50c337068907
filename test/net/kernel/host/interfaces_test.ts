import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { interfaceAddrs, likelyLocalAddr } from "../../../../src/net/kernel/host/interfaces.ts";
import { formatIp, parseIp } from "../../../../src/protocol/address.ts";
import { until } from "../../../support/program/until.ts";

test("interfaceAddrs() are canonical addresses without zones, one for each that the system lists", async () => {
  const listed = () => Object.values(networkInterfaces()).flatMap((entries) => entries ?? []).length;
  await until("it has listed what other programs may have changed", () => interfaceAddrs().length === listed());
  const addrs = interfaceAddrs();
  assert.ok(addrs.includes("127.0.0.1"));
  for (const addr of addrs) assert.equal(formatIp(parseIp(addr)!), addr);
});

test("interfaceAddrs() asks the system once in a while, not each time", () => {
  assert.equal(interfaceAddrs(), interfaceAddrs());
});

test("likelyLocalAddr() is the address of the same subnet", () => {
  assert.equal(likelyLocalAddr("127.0.0.9"), "127.0.0.1");
  assert.equal(likelyLocalAddr("::1"), "::1");
});

test("likelyLocalAddr() towards others is no loopback address", () => {
  for (const host of ["192.0.2.46", "2001:db8::46"]) {
    assert.ok(!["127.0.0.1", "::1"].includes(likelyLocalAddr(host) ?? "none"));
  }
});
