import assert from "node:assert/strict";
import { grown } from "./script.ts";
import type { Suite } from "./suite.ts";

const MIB = 1 << 20;

/** Each runs in a process of its own, whose memory no other test has stretched. */
const limits = {
  slowReader: ["a reader that reads nothing", 16],
  slowServer: ["a relay to a destination that reads nothing", 24],
  slowClient: ["a relay to a client that reads nothing", 24],
  floodOfEmpty: ["a flood of empty datagrams without a receive() call", 32],
  floodOfSmall: ["a flood of small datagrams without a receive() call", 32],
  floodOfLarge: ["a flood of large datagrams without a receive() call", 48],
  connections: ["200 relayed connections after the first 100", 16],
  idleRelays: ["200 idle relays and the sockets of their peers", 24],
  manyConnections: ["1,200 relayed connections after the first 400", 24],
  manyIdleRelays: ["1,000 idle relays and the sockets of their peers", 64],
} as const;

export function memoryContract(suite: Suite): void {
  for (const [scenario, [what, limit]] of Object.entries(limits)) {
    suite.test(
      `memory grows by less than ${limit} MiB with ${what}`,
      async () => {
        let mib = await grown(suite.subject, scenario) / MIB;
        // What is yet to be collected counts too, and when that is nobody knows: what is kept is there each time.
        if (mib >= limit) mib = Math.min(mib, await grown(suite.subject, scenario) / MIB);
        console.log(`${suite.subject.name}: ${what}: ${mib.toFixed(1)} MiB`);
        assert.ok(mib < limit, `${mib.toFixed(1)} MiB`);
      },
      "a script",
      ...scenario.startsWith("many") ? ["time"] as const : [],
    );
  }
}
