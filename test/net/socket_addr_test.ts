import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "../../src/protocol/address.ts";
import { runtimeHost, socketAddr } from "../../src/net/socket_addr.ts";

const cases: readonly (readonly [told: string, host: string])[] = [
  ["192.0.2.1", "192.0.2.1"],
  ["0.0.0.0", "0.0.0.0"],
  ["::", "::"],
  ["::1", "::1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:201", "192.0.2.1"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
];

for (const zone of ["eth0", "2"]) {
  test(`socketAddr() of fe80::1%${zone} separates the zone, and runtimeHost() appends it again`, () => {
    const addr = socketAddr(`FE80::1%${zone}`, 1080);
    assert.deepEqual(addr, { host: "fe80::1", port: 1080, zone });
    assert.equal(runtimeHost(addr), `fe80::1%${zone}`);
    assert.equal(addressText(addr), `[fe80::1%${zone}]:1080`);
  });
}

for (const [told, host] of cases) {
  test(`socketAddr() of ${told} is ${host}`, () => {
    assert.deepEqual(socketAddr(told, 1080), { host, port: 1080 });
  });
}
