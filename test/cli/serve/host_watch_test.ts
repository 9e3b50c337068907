import assert from "node:assert/strict";
import { test } from "node:test";
import { noNamesFacts } from "../../../src/admin/readiness.ts";
import { HostWatch } from "../../../src/cli/serve/host_watch.ts";
import type { Transport } from "../../../src/dns/transport.ts";
import { settle } from "../../support/test_clock.ts";

const net = { localAddrFor: () => Promise.resolve(undefined), localAddrs: () => [] };
const vitals = () => ({
  workers: 1,
  silentWorkers: 0,
  hungWorkers: 0,
  heardAt: 0,
  names: noNamesFacts,
  accept: undefined,
});

/** A server that says the same to all that it is asked. */
const saying = (rcode: number): Transport => ({
  name: "x",
  ask: () => Promise.resolve({ rcode, truncated: false, answers: [], authorities: [] }),
  close: () => {},
});

for (
  const [what, rcodes, failures] of [
    ["one that refuses", [5], 0],
    ["one that fails", [2], 1],
    ["one that fails and one that refuses", [2, 5], 0],
  ] as const
) {
  test(`with ${what} as DNS servers, names ${failures === 0 ? "can" : "cannot"} be resolved`, async () => {
    const host = new HostWatch(net, { vitals, dnsServers: rcodes.map(saying) });
    await host.look();
    await settle();
    const { names } = host;
    assert.deepEqual([names.failures, names.answeredAt > 0], [failures, failures === 0]);
    host.stop();
  });
}
