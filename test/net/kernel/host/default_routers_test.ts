import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultRouters } from "../../../../src/net/kernel/host/default_routers.ts";

const line = (to: string, bits: string, by: string, flags: string, device: string) =>
  `${to} ${bits} ${"0".repeat(32)} 00 ${by} 00000400 00000001 00000000 ${flags} ${device}`;
const all = "0".repeat(32), router = "fe800000000000000000000000000001";

test("defaultRouters() returns the router and the interface of each default route", () => {
  const routes = [
    line(all, "00", router, "00000003", "   eth0"),
    line(all, "00", all, "00200200", "     lo"),
    line("20010db8".padEnd(32, "0"), "20", router.replace(/1$/, "2"), "00000003", "   eth1"),
  ];
  assert.deepEqual([...defaultRouters(`${routes.join("\n")}\n`)], ["fe80::1%eth0"]);
  assert.deepEqual([...defaultRouters("")], []);
});

test("defaultRouters() accepts any text without an exception", () => {
  fc.assert(fc.property(fc.string(), (text) => void defaultRouters(text)));
});
