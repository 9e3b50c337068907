import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DnsResolver } from "../../src/dns/dns_resolver.ts";
import { transportTo } from "../../src/dns/servers/server.ts";
import { Servers, usualServersManner } from "../../src/dns/servers/servers.ts";
import { Cut } from "../../src/net/cut.ts";
import type { NetError } from "../../src/net/error.ts";
import type { Asker } from "../../src/turns/fair_queue.ts";
import { ScriptedDns } from "../support/names/dns_server.ts";
import { Internet } from "../support/memory/memory_net.ts";
import { settle, TestClock } from "../support/memory/test_clock.ts";

const NS = { host: "192.0.2.53", port: 53 };
const A = "203.0.113.1";
const ann = { client: "192.0.2.1" }, mallory = { client: "192.0.2.66" }, trudy = { client: "192.0.2.67" };

/** A resolver whose one server answers for live.test and nothing else, at first. */
async function world() {
  const clock = new TestClock();
  const internet = new Internet(clock);
  const net = internet.host("198.51.100.1");
  const server = await ScriptedDns.start(internet.host(NS.host), NS);
  const resolver = new DnsResolver(
    new Servers([transportTo({ kind: "udp", addr: NS }, { net, clock })], clock),
    net,
    clock,
  );
  server.records("A", "live.test", 60, A);
  server.set("AAAA", "live.test", {});
  /** What each dead name came to, and when. */
  const ends: { readonly kind: string; readonly afterMs: number }[] = [];
  const askForDead = (count: number, asker: Asker, cut = new Cut(), prefix = asker.client) => {
    const startedAt = clock.now();
    for (let i = 0; i < count; i++) {
      const name = `${prefix}-${i}.test`;
      for (const type of ["A", "AAAA"]) server.set(type, name, { silent: true });
      resolver.resolve(name, cut, asker).catch(({ kind }: NetError) =>
        ends.push({ kind, afterMs: clock.now() - startedAt })
      );
    }
    return cut;
  };
  const ask = (name: string, asker: Asker) => {
    const answer: { hosts?: readonly string[]; error?: NetError } = {};
    resolver.resolve(name, new Cut(), asker).then(
      (hosts) => answer.hosts = hosts,
      (error) => answer.error = error,
    );
    return answer;
  };
  const end = async () => {
    resolver.close();
    server.close();
    await clock.advance(60_000);
    net.assertNothingOpen();
    assert.equal(clock.pending, 0, "timers are left");
  };
  return { clock, net, server, resolver, ends, askForDead, ask, end };
}

describe("A client with an answered name", () => {
  test("does not wait for 1,200 unanswered names of another client", async () => {
    const w = await world();
    w.askForDead(1_200, mallory);
    await settle();
    const innocent = w.ask("live.test", ann);
    await settle();
    assert.deepEqual(innocent.hosts, [A]);
    await w.end();
  });

  test("waits for 1.5 s at most if other clients use all lookup slots", async () => {
    const w = await world();
    for (const attacker of [mallory, trudy]) w.askForDead(1_200, attacker);
    await settle();
    const innocent = w.ask("live.test", ann);
    await settle();
    assert.equal(innocent.hosts, undefined);
    await w.clock.advance(1_500);
    assert.deepEqual(innocent.hosts, [A]);
    await w.end();
  });

  test("does not wait behind another client's queued lookup of the same name", async () => {
    const w = await world();
    w.askForDead(200, mallory);
    void w.resolver.resolve("live.test", new Cut(), mallory).catch(() => {});
    await settle();
    assert.ok(!w.server.asked.includes("A live.test"), "it waits for a turn of mallory's");
    const innocent = w.ask("live.test", ann);
    await settle();
    assert.deepEqual(innocent.hosts, [A]);
    await w.end();
  });

  test("does not wait if it is the gateway itself", async () => {
    const w = await world();
    w.askForDead(1_200, mallory);
    await settle();
    let own: readonly string[] | undefined;
    void w.resolver.resolve("live.test").then((hosts) => own = hosts);
    await settle();
    assert.deepEqual(own, [A]);
    await w.end();
  });

  test("gets its answer during unanswered lookups of its own", async () => {
    const w = await world();
    w.askForDead(90, ann);
    await settle();
    const own = w.ask("live.test", ann);
    await settle();
    assert.deepEqual(own.hosts, [A]);
    await w.end();
  });
});

test("Cancelled lookups send no query, and free their socket and slot", async () => {
  const w = await world();
  const cut = w.askForDead(400, mallory);
  await settle();
  assert.equal(w.net.udpSocketCount, 192);
  cut.make();
  await settle();
  w.net.assertNothingOpen();
  assert.equal(w.clock.pending, 0);
  const { length } = w.server.asked;
  const next = w.ask("live.test", mallory);
  await settle();
  assert.deepEqual(next.hosts, [A]);
  assert.equal(w.server.asked.length, length + 2);
  await w.end();
});

test("A cancelled lookup is not cached as a failure, and the name is queried again", async () => {
  const w = await world();
  const cut = w.askForDead(1, mallory);
  await settle();
  cut.make();
  await settle();
  w.server.records("A", `${mallory.client}-0.test`, 60, A);
  w.server.set("AAAA", `${mallory.client}-0.test`, {});
  const next = w.ask(`${mallory.client}-0.test`, ann);
  await settle();
  assert.deepEqual(next.hosts, [A]);
  await w.end();
});

test("A client may have 32 slow lookups of 5 s each; further ones fail after 1.5 s", async () => {
  const w = await world();
  w.askForDead(90, mallory);
  w.askForDead(10, ann);
  await w.clock.advance(1_500);
  assert.deepEqual(w.ends, Array(58).fill({ kind: "busy", afterMs: 1_500 }));
  await w.clock.advance(3_500);
  assert.equal(w.ends.filter(({ kind, afterMs }) => kind === "name-lookup-failed" && afterMs === 5_000).length, 42);
  await w.end();
});

test("A name without an answer from one server does not remove that server for other clients", async () => {
  const clock = new TestClock();
  const internet = new Internet(clock);
  const net = internet.host("198.51.100.1");
  const addrs = [NS, { host: "192.0.2.54", port: 53 }];
  const [inner, outer] = [
    await ScriptedDns.start(internet.host(NS.host), NS),
    await ScriptedDns.start(internet.host(addrs[1]!.host), addrs[1]!),
  ];
  const transports = addrs.map((addr) => transportTo({ kind: "udp", addr }, { net, clock }));
  const resolver = new DnsResolver(
    new Servers(transports, clock, { ...usualServersManner, first: "listed" }),
    net,
    clock,
  );
  for (const type of ["A", "AAAA"]) inner.set(type, "dead.test", { silent: true });
  for (const name of ["a.test", "b.test"]) inner.records("A", name, 60, A);
  const dead = resolver.resolve("dead.test", new Cut(), mallory).catch(({ kind }) => kind);
  await clock.advance(500);
  assert.deepEqual(await resolver.resolve("a.test", new Cut(), ann), [A]);
  await clock.advance(500);
  assert.equal(await dead, "no-such-name", "by the other");
  assert.deepEqual(await resolver.resolve("b.test", new Cut(), ann), [A], "which knows no b.test");
  resolver.close();
  for (const server of [inner, outer]) server.close();
});
