import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../../src/events.ts";
import { Upstreams } from "../../../src/gateway/upstreams/upstreams.ts";
import { ChainWorld } from "../../support/network/chain.ts";
import { MemoryResolver } from "../../support/memory/memory_resolver.ts";
import { rulesOf } from "../../support/memory/rules.ts";

test("Upstreams that others stand in the place of are told of no more, though a session still finds out how they are", () => {
  const world = new ChainWorld();
  const via = ["socks5://192.0.2.1:1080"];
  const events: Event[] = [];
  const upstreams = new Upstreams({
    net: world.server,
    clock: world.clock,
    resolver: new MemoryResolver(),
    outgoing: {},
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
