import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { announcedPrefixes } from "../../src/protocol/ip/pref64.ts";
import { parseIp } from "../../src/protocol/address.ts";

/** An advertisement with these options. */
function advertisement(...options: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array([134, 0, 0, 0, 64, 0, 7, 8, ...new Uint8Array(8), ...options.flatMap((option) => [...option])]);
}

/** RFC 8781 s4. */
function pref64(host: string, code: number, lifetimeS: number): Uint8Array {
  const scaled = lifetimeS | code;
  return new Uint8Array([38, 2, scaled >> 8, scaled & 255, ...parseIp(host)!.subarray(0, 12)]);
}

const found = (message: Uint8Array) =>
  announcedPrefixes(message).map(({ prefix, lifetimeS }) => `${prefix} ${lifetimeS}`);

test("reads prefixes of each length with their lifetime; lifetime 0 withdraws a prefix", () => {
  for (const [code, bits] of [[0, 96], [1, 64], [2, 56], [3, 48], [4, 40], [5, 32]] as const) {
    const host = bits === 32 ? "2001:db8::" : bits === 40 ? "2001:db8:100::" : "2001:db8:64::";
    assert.deepEqual(found(advertisement(pref64(host, code, 1_800))), [`${host}/${bits} 1800`]);
  }
  assert.deepEqual(found(advertisement(pref64("64:ff9b::", 0, 0))), ["64:ff9b::/96 0"]);
});

test("ignores other options and reserved prefix lengths", () => {
  const mtu = Uint8Array.of(5, 1, 0, 0, 0, 0, 5, 0);
  const options = [mtu, pref64("64:ff9b::", 7, 8), pref64("64:ff9b:1::", 0, 65_528), mtu];
  assert.deepEqual(found(advertisement(...options)), ["64:ff9b:1::/96 65528"]);
  assert.deepEqual(
    found(advertisement(pref64("2001:db8:0:0:1ff::", 0, 8))),
    [],
    "bits 64 to 71 are zero (RFC 6052 s2.2)",
  );
});

test("a malformed advertisement gives no prefix", () => {
  const whole = advertisement(pref64("64:ff9b::", 0, 8));
  for (let size = 0; size < whole.length; size++) {
    assert.deepEqual(found(whole.subarray(0, size)), [], `${size} octets`);
  }
  assert.deepEqual(found(advertisement(pref64("64:ff9b::", 0, 8), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0))), []);
  assert.deepEqual(found(whole.with(0, 133)), [], "a solicitation");
});

test("any octets give a list of prefixes, and no exception", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
    announcedPrefixes(rest);
    for (const { lifetimeS } of announcedPrefixes(advertisement(rest))) assert.equal(lifetimeS % 8, 0);
  }));
});
