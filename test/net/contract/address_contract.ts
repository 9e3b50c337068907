import assert from "node:assert/strict";
import { parseIp } from "../../../src/protocol/address.ts";
import { dialled } from "./script.ts";
import type { Suite } from "./suite.ts";

export function addressContract(suite: Suite): void {
  suite.test("localAddrFor() returns the loopback address for a loopback destination", async ({ net }) => {
    assert.equal(await net.localAddrFor("127.0.0.1"), "127.0.0.1");
    assert.equal(await net.localAddrFor("::1"), "::1");
  });

  suite.test(
    "localAddrFor() returns the local address of the route, and undefined without a route",
    async () => {
      const wishes = {
        "localAddrFor:10.46.1.9": "10.46.1.1",
        "localAddrFor:10.46.2.9": "10.46.1.1",
        "localAddrFor:10.46.3.9": "10.46.3.1",
        "localAddrFor:192.0.2.1": "none",
        "localAddrFor:fd46__9": "fd46::1",
        "localAddrFor:2001_db8__1": "none",
      };
      const namespace = [
        "ip link add one type veth peer name other",
        "ip link set other up",
        "ip link set one up",
        "ip addr add 10.46.1.1/24 dev one",
        "ip addr add 10.46.3.1/24 dev one",
        "ip addr add fd46::1/64 dev one nodad",
        "ip route add 10.46.2.0/24 via 10.46.1.2",
      ];
      assert.deepEqual(await dialled(suite.subject, Object.keys(wishes), { namespace }), wishes);
    },
    "a script",
    "namespaces",
  );

  suite.test(
    "send() counts a datagram without a route as lost",
    async () => {
      const wishes = { "lost:192.0.2.1:9": "lost 1", "lost:2001_db8__1:9": "lost 1" };
      assert.deepEqual(await dialled(suite.subject, Object.keys(wishes), { namespace: [] }), wishes);
    },
    "a script",
    "namespaces",
  );

  suite.test("localAddrs() contains the loopback addresses and only IP addresses", ({ net }) => {
    const addrs = net.localAddrs();
    assert.ok(addrs.includes("127.0.0.1"), addrs.join());
    assert.ok(addrs.includes("::1"), addrs.join());
    for (const addr of addrs) assert.ok(parseIp(addr), addr);
    return Promise.resolve();
  });
}
