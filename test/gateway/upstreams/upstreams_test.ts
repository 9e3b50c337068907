import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../../src/events.ts";
import { SessionExits } from "../../../src/gateway/dial/exits.ts";
import { Upstreams } from "../../../src/gateway/upstreams/upstreams.ts";
import { Cut } from "../../../src/net/cut.ts";
import { ChainWorld } from "../../support/network/chain.ts";
import { MemoryResolver } from "../../support/memory/memory_resolver.ts";
import { rulesOf } from "../../support/memory/rules.ts";
import { GATEWAY4, SERVER4, worldTest } from "../../support/memory/world.ts";

test("Replaced upstreams emit no more events, even if an open session still learns their state", () => {
  const world = new ChainWorld();
  const via = ["socks5://192.0.2.1:1080"];
  const events: Event[] = [];
  const upstreams = new Upstreams({
    net: world.server,
    clock: world.clock,
    resolver: new MemoryResolver(),
    tls: undefined,
    rules: rulesOf([{ action: "allow", via }]),
    upstreams: [],
    probes: { intervalMs: 0, timeoutMs: 1 },
    ownListeners: () => [],
    localAddrs: () => [],
    emit: (event) => void events.push(event),
  });
  const [chain] = upstreams.route(via).chains;
  chain!.works(1);
  upstreams.stop();
  chain!.failed(world.clock.now(), "refused");
  assert.deepEqual(events, [{ type: "upstream", upstream: via[0], chain: via[0], up: true }]);
});

worldTest(
  "The connection to an upstream uses the outgoing address of the upstream, then of the rule, then of the session",
  {
    gateway: [GATEWAY4, "192.0.2.7", "192.0.2.8", "192.0.2.9"],
  },
  async ({ net, clock, servers }) => {
    const listener = await servers[4].listen({ host: SERVER4, port: 3128 });
    const url = `http://${SERVER4}:3128`, own = ["own"], inline = [url];
    const session = new SessionExits([{ ipv4: "192.0.2.7" }], { client: { host: "" } }, "");
    const upstreams = new Upstreams({
      net,
      clock,
      resolver: new MemoryResolver(),
      rules: rulesOf([{ action: "allow", via: own }, { action: "allow", via: inline }]),
      upstreams: [{
        name: "own",
        policy: "in-order",
        chains: [[url]],
        probe: undefined,
        wayOut: { ipv4: "192.0.2.9" },
      }],
      probes: { intervalMs: 0, timeoutMs: 1 },
      ownListeners: () => [],
      localAddrs: () => [],
      emit: () => {},
    });
    const limits = { deadlineMs: 1_000, cut: new Cut() }, wayOut = { ipv4: "192.0.2.8" };
    for (
      const [via, leaving, from] of [
        [own, { exits: session, wayOut }, "192.0.2.9"],
        [inline, { exits: session, wayOut }, "192.0.2.8"],
        [inline, { exits: session }, "192.0.2.7"],
        [inline, {}, GATEWAY4],
      ] as const
    ) {
      const wire = await upstreams.reach(upstreams.route(via).chains[0]!, limits, leaving);
      assert.equal(wire.socket.localAddr.host, from);
      wire.socket.close();
      (await listener.accept())!.close();
    }
    listener.close();
  },
);
