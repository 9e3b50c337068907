import assert from "node:assert/strict";
import { test } from "node:test";
import { DescriptorReserve } from "../../../../src/net/kernel/host/descriptor_reserve.ts";
import { NetError } from "../../../../src/net/error.ts";

test("DescriptorReserve reserves an eighth of the limit, half of it for admitted clients", () => {
  const reserve = new DescriptorReserve(64);
  assert.deepEqual([55, 56].map((fd) => reserve.refusesClient(fd)), [false, true]);
  assert.deepEqual([59, 60].map((fd) => reserve.refuses(fd)), [false, true]);
});

test("DescriptorReserve reserves at most 64 descriptors", () => {
  const reserve = new DescriptorReserve(1_000_000);
  assert.deepEqual([999_935, 999_936].map((fd) => reserve.refusesClient(fd)), [false, true]);
});

test("DescriptorReserve refuses nothing without a limit", () => {
  const reserve = new DescriptorReserve(Infinity);
  assert.equal(reserve.refusesClient(1e9), false);
  assert.equal(reserve.refuses(1e9), false);
  reserve.check("test");
});

test("DescriptorReserve.check() fails when the next descriptor would exceed the limit", () => {
  new DescriptorReserve(1_000_000).check("bind UDP");
  assert.throws(() => new DescriptorReserve(4).check("bind UDP"), (error) => {
    assert.ok(error instanceof NetError);
    assert.equal(error.kind, "no-descriptors");
    assert.match(error.message, /^Cannot bind UDP: /);
    return true;
  });
});

test("DescriptorReserve reads the limit of this process", () => {
  const reserve = new DescriptorReserve();
  assert.equal(reserve.refusesClient(10), false);
  reserve.check("test");
});
