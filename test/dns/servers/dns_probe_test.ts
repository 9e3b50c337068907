import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { probe, type ServerState } from "../../../src/dns/servers/dns_probe.ts";
import { transportTo } from "../../../src/dns/servers/server.ts";
import { type Script, ScriptedDns } from "../../support/names/dns_server.ts";
import { Internet } from "../../support/memory/memory_net.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";

const NS = { host: "192.0.2.53", port: 53 };

describe("A name server", () => {
  for (
    const [what, script, state] of [
      ["answers", { answers: [{ type: "NS", name: ".", ttl: 60, data: "a.test" }] }, { refuses: false }],
      ["answers NXDOMAIN", { rcode: 3 }, { refuses: false }],
      ["answers REFUSED, as an authoritative server does", { rcode: 5 }, { refuses: true }],
      ["answers SERVFAIL, as a resolver without upstream does", { rcode: 2 }, { failure: "it failed (SERVFAIL)" }],
    ] as readonly (readonly [string, Script, Partial<ServerState>])[]
  ) {
    test(`that ${what} is ${state.failure ? "down" : "up"}`, async () => {
      const { internet, clock, transport } = world();
      const server = await ScriptedDns.start(internet.host(NS.host), NS);
      server.set("NS", ".", script);
      assert.deepEqual(await probe(transport, clock), { ms: 0, ...state });
      assert.equal(clock.pending, 0);
      server.close();
    });
  }

  test("that is silent is down after 3 s", async () => {
    const { clock, net, transport } = world();
    let state: ServerState | undefined;
    void probe(transport, clock).then((known) => state = known);
    await clock.advance(2_999);
    assert.equal(state, undefined);
    await clock.advance(1);
    assert.deepEqual(state, { ms: 3_000, failure: "nothing within 3000 ms" });
    await settle();
    net.assertNothingOpen();
  });

  test("that is unreachable is down, with the reason", async () => {
    const { clock, transport } = world("2001:db8::1");
    assert.match((await probe(transport, clock)).failure!, /: not sent$|^Cannot bind UDP/);
  });
});

function world(addr = "198.51.100.1") {
  const clock = new TestClock();
  const internet = new Internet(clock);
  const net = internet.host(addr);
  return { internet, clock, net, transport: transportTo({ kind: "udp", addr: NS }, { net, clock }) };
}
