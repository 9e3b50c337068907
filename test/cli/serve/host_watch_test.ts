import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readiness } from "../../../src/admin/readiness.ts";
import { ThreadWatch } from "../../../src/admin/thread_watch.ts";
import { HostWatch } from "../../../src/cli/serve/host_watch.ts";
import { type DnsReply, Rcode } from "../../../src/dns/servers/message.ts";
import type { Transport } from "../../../src/dns/servers/transport.ts";
import { NetError } from "../../../src/net/error.ts";
import { facts } from "../../support/memory/admin_source.ts";
import { MemoryResolver } from "../../support/memory/memory_resolver.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

/** What a DNS server says to all questions. */
type Says = keyof typeof Rcode | "nothing";

/** A gateway whose clients ask for names, and DNS servers or a system that answer as a test has them. */
function gateway(
  { servers = [] as readonly Says[], known = ["192.0.0.170"] as readonly string[] | "name-lookup-failed" },
) {
  const clock = new TestClock();
  const clients = new ThreadWatch(() => clock.now());
  const system = new MemoryResolver();
  system.set("ipv4only.arpa", known);
  const says = [...servers];
  let asked = 0;
  const dnsServers = servers.map((_, place): Transport => ({
    name: `10.0.0.${place}`,
    ask: (_, cut) => {
      asked++;
      const now = says[place]!;
      if (now !== "nothing") return Promise.resolve({ rcode: Rcode[now] } as DnsReply);
      return new Promise((_, reject) => cut.on(() => reject(new NetError("aborted", "Cannot resolve '.': given up"))));
    },
    close: () => {},
  }));
  const vitals = () => ({ ...clients.vitals, workers: 1, silentWorkers: 0, hungWorkers: 0, heardAt: clock.now() });
  const net = { localAddrFor: () => Promise.resolve("192.0.2.1"), localAddrs: () => [] };
  const watch = new HostWatch(net, { vitals, dnsServers }, clock, system);
  /** How it was in each second of so many, in which a client asks for a dead name, or nobody does. */
  const states = async (seconds: number, { dead }: { readonly dead: boolean }) => {
    const seen = new Set<string>();
    for (let second = 0; second < seconds; second++) {
      if (dead) clients.listen({ type: "dns-asked", by: "system", outcome: "failed", ms: 1 });
      await clock.advance(1_000);
      const { state } = readiness(
        facts({ now: clock.now(), names: watch.names, probesNames: dnsServers.length > 0 }),
      );
      seen.add(state);
    }
    return [...seen];
  };
  return { watch, says, system, states, asked: () => asked };
}

describe("HostWatch", () => {
  test("does not report DNS down for one client that queries only unresolvable names", async () => {
    for (const servers of [[], ["NoError"], ["nothing", "NxDomain"]] as const) {
      const { watch, states } = gateway({ servers });
      assert.deepEqual(await states(300, { dead: true }), ["ready"], servers.join());
      watch.stop();
    }
  });

  test("reports DNS down if no client gets an answer, and detects recovery without clients", async () => {
    for (const servers of [["nothing"], ["ServFail", "nothing"]] as const) {
      const { watch, says, states } = gateway({ servers });
      assert.deepEqual(await states(30, { dead: true }), ["ready", "no resolver"], servers.join());
      assert.deepEqual(await states(120, { dead: false }), ["no resolver"]);
      says[0] = "NoError";
      await states(6, { dead: false });
      assert.deepEqual(await states(60, { dead: false }), ["ready"]);
      watch.stop();
    }
    const { watch, system, states } = gateway({ known: "name-lookup-failed" });
    assert.deepEqual(await states(30, { dead: true }), ["ready", "no resolver"]);
    system.set("ipv4only.arpa", "no-such-name"); // an answer as well
    await states(6, { dead: false });
    assert.deepEqual(await states(60, { dead: false }), ["ready"]);
    watch.stop();
  });

  test("treats a DNS server that refuses the probe as neither up nor down", async () => {
    const { watch, states } = gateway({ servers: ["Refused"] });
    assert.deepEqual(await states(120, { dead: false }), ["ready"]);
    assert.deepEqual(await states(30, { dead: true }), ["ready", "no resolver"]);
    watch.stop();
  });

  test("does not probe the system's resolver while DNS works, and probes DNS servers twice a minute", async () => {
    const quiet = gateway({});
    await quiet.states(300, { dead: false });
    assert.deepEqual(quiet.system.asked, []);
    quiet.watch.stop();
    const served = gateway({ servers: ["NoError"] });
    await served.states(300, { dead: false });
    assert.ok(served.asked() >= 8 && served.asked() <= 11, `${served.asked()}`);
    served.watch.stop();
  });
});
