import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DnsResolver } from "../../src/dns/dns_resolver.ts";
import { transportTo } from "../../src/dns/servers/server.ts";
import { Servers } from "../../src/dns/servers/servers.ts";
import { Cut } from "../../src/net/cut.ts";
import { NetError } from "../../src/net/error.ts";
import { ScriptedDns, soa } from "../support/names/dns_server.ts";
import { Internet } from "../support/memory/memory_net.ts";
import { settle, TestClock } from "../support/memory/test_clock.ts";

const NS1 = { host: "192.0.2.53", port: 53 }, NS2 = { host: "2001:db8::53", port: 53 };
const A = "203.0.113.1", AAAA = "2001:db8:5::1";

/** A resolver with two servers, of which the second is asked where the first fails. */
class Resolving {
  readonly clock = new TestClock();
  readonly internet = new Internet(this.clock);
  readonly net = this.internet.host("198.51.100.1", "2001:db8:1::1");
  readonly resolver: DnsResolver;
  one!: ScriptedDns;
  two!: ScriptedDns;

  constructor(limit?: number) {
    const transports = [NS1, NS2].map((addr) => transportTo({ kind: "udp", addr }, this));
    this.resolver = new DnsResolver(new Servers(transports, this.clock), this.net, this.clock, { limit });
  }

  async start(): Promise<void> {
    this.one = await ScriptedDns.start(this.internet.host(NS1.host), NS1);
    this.two = await ScriptedDns.start(this.internet.host(NS2.host), NS2);
  }

  /** What resolving comes to: addresses, or the kind of the failure; undefined while it is under way. */
  ask(name: string, cut?: Cut): { hosts?: readonly string[]; kind?: string; message?: string } {
    const outcome: { hosts?: readonly string[]; kind?: string; message?: string } = {};
    this.resolver.resolve(name, cut).then((hosts) => outcome.hosts = hosts, (error) => {
      assert.ok(error instanceof NetError, String(error));
      outcome.kind = error.kind;
      outcome.message = error.message;
    });
    return outcome;
  }

  async end(): Promise<void> {
    this.resolver.close();
    await settle();
    this.one.close();
    this.two.close();
    await settle();
    this.net.assertNothingOpen();
    assert.equal(this.clock.pending, 0, "timers are left");
  }
}

function resolvingTest(name: string, body: (resolving: Resolving) => Promise<void>, limit?: number): void {
  test(name, async () => {
    const resolving = new Resolving(limit);
    await resolving.start();
    await body(resolving);
    await resolving.end();
  });
}

describe("A name", () => {
  resolvingTest("is queried for both families at once, and IPv6 comes first (RFC 6724)", async (r) => {
    r.one.records("A", "dual.test", 60, A);
    r.one.records("AAAA", "dual.test", 60, AAAA);
    const asked = r.ask("Dual.TEST.");
    await settle();
    assert.deepEqual(asked.hosts, [AAAA, A]);
    assert.deepEqual(r.one.asked.sort(), ["A dual.test", "AAAA dual.test"]);
    const [first, second] = r.one.sources;
    assert.notEqual(first!.port, second!.port, "each query has its own port");
  });

  resolvingTest("with an IPv4-mapped AAAA gives the IPv4 address", async (r) => {
    r.one.records("AAAA", "mapped.test", 60, "::ffff:203.0.113.9");
    r.one.set("A", "mapped.test", {});
    const asked = r.ask("mapped.test");
    await settle();
    assert.deepEqual(asked.hosts, ["203.0.113.9"]);
  });

  resolvingTest("is resolved through CNAME records, in one reply or several", async (r) => {
    r.one.set("A", "a.test", {
      answers: [
        { type: "CNAME", name: "a.test", ttl: 60, data: "B.test" },
        { type: "CNAME", name: "b.test", ttl: 60, data: "c.test" },
        { type: "A", name: "c.test", ttl: 60, data: A },
        { type: "A", name: "stray.test", ttl: 60, data: "203.0.113.66" },
      ],
    });
    r.one.set("AAAA", "a.test", { answers: [{ type: "CNAME", name: "a.test", ttl: 60, data: "d.test" }] });
    r.one.records("AAAA", "d.test", 60, AAAA);
    const asked = r.ask("a.test");
    await settle();
    assert.deepEqual(asked.hosts, [AAAA, A]);
  });

  resolvingTest("with a CNAME loop fails quickly", async (r) => {
    for (const type of ["A", "AAAA"] as const) {
      r.one.set(type, "x.test", { answers: [{ type: "CNAME", name: "x.test", ttl: 60, data: "y.test" }] });
      r.one.set(type, "y.test", { answers: [{ type: "CNAME", name: "y.test", ttl: 60, data: "x.test" }] });
    }
    const asked = r.ask("x.test");
    await settle();
    assert.equal(asked.kind, "name-lookup-failed");
    assert.ok(r.one.asked.length <= 16);
  });

  for (
    const [what, script, kind] of [
      ["NXDOMAIN", { rcode: 3 }, "no-such-name"],
      ["no address in either family", {}, "no-such-name"],
      ["SERVFAIL of all servers", { rcode: 2 }, "name-lookup-failed"],
      ["REFUSED of all servers", { rcode: 5 }, "name-lookup-failed"],
    ] as const
  ) {
    resolvingTest(`with ${what} fails as '${kind}'`, async (r) => {
      for (const server of [r.one, r.two]) for (const type of ["A", "AAAA"]) server.set(type, "n.test", script);
      const asked = r.ask("n.test");
      await settle();
      assert.equal(asked.kind, kind);
    });
  }

  resolvingTest("without an answer from any server fails after 5 s", async (r) => {
    r.one.down = r.two.down = true;
    const asked = r.ask("silent.test");
    await r.clock.advance(4_999);
    assert.equal(asked.kind, undefined);
    await r.clock.advance(1);
    assert.equal(asked.kind, "name-lookup-failed");
    assert.equal(asked.message, "Cannot resolve 'silent.test': no answer");
  });

  resolvingTest("that is not a valid DNS name is not queried", async (r) => {
    for (const name of [`${"a".repeat(64)}.test`, "a..test", "x.".repeat(130) + "test", "."]) {
      const asked = r.ask(name);
      await settle();
      assert.equal(asked.kind, "no-such-name", name);
    }
    assert.deepEqual(r.one.asked, []);
  });

  resolvingTest("is returned at the first answer of one family, and the other family follows", async (r) => {
    r.one.records("A", "half.test", 60, A);
    r.one.set("AAAA", "half.test", { silent: true }, {
      answers: [{ type: "AAAA", name: "half.test", ttl: 60, data: AAAA }],
    });
    const found = await r.resolver.first("half.test");
    assert.deepEqual(found.hosts, [A]);
    let all: readonly string[] | undefined;
    void found.all!.then((hosts) => all = hosts);
    r.two.records("AAAA", "half.test", 60, AAAA);
    await r.clock.advance(1_000);
    assert.deepEqual(all, [AAAA, A]);
    assert.deepEqual(await r.resolver.first("half.test"), { hosts: [AAAA, A] });
  });

  resolvingTest("with one failed family keeps the other family for 30 s", async (r) => {
    r.one.records("A", "half.test", 3_600, A);
    for (const server of [r.one, r.two]) server.set("AAAA", "half.test", { rcode: 2 });
    let asked = r.ask("half.test");
    await settle();
    assert.deepEqual(asked.hosts, [A]);
    r.one.records("AAAA", "half.test", 3_600, AAAA);
    await r.clock.advance(30_001);
    asked = r.ask("half.test");
    await settle();
    assert.deepEqual(asked.hosts, [AAAA, A]);
  });

  resolvingTest("of an address is queried by PTR", async (r) => {
    r.one.records("PTR", "1.113.0.203.in-addr.arpa", 60, "host.test");
    const six = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    r.one.records("PTR", six, 60, "six.test");
    r.one.records("PTR", "2.113.0.203.in-addr.arpa", 60, "forged\nline.test");
    assert.equal(await r.resolver.reverse(A), "host.test");
    assert.equal(await r.resolver.reverse(AAAA), "six.test");
    await assert.rejects(r.resolver.reverse("203.0.113.2"), { kind: "no-such-name" });
    await assert.rejects(r.resolver.reverse("203.0.113.3"), { kind: "no-such-name" });
  });
});

describe("A reply is believed only", () => {
  for (
    const [what, forge] of [
      ["with its id", (reply: Uint8Array) => [with0(reply, 0, reply[0]! ^ 1), with0(reply, 1, reply[1]! ^ 1)]],
      ["for its question", (reply: Uint8Array) => [with0(reply, 13, 0x7a), with0(reply, 12 + reply[12]! + 2, 0x7a)]],
      ["as a reply", (_: Uint8Array, query: Uint8Array) => [query]],
      ["with its header", (reply: Uint8Array) => [reply.subarray(0, 11)]],
      ["with its question, unless it is a failure", (reply: Uint8Array) => [bare(reply, 0), bare(reply, 3)]],
    ] as const
  ) {
    resolvingTest(what, async (r) => {
      const forged = { answers: [{ type: "A", name: "f.test", ttl: 60, data: "203.0.113.66" }] } as const;
      r.one.set("A", "f.test", { ...forged, forge });
      r.one.set("AAAA", "f.test", {});
      r.two.records("A", "f.test", 60, A);
      const asked = r.ask("f.test");
      await settle();
      assert.deepEqual(asked.hosts, undefined, "nothing is believed yet");
      await r.clock.advance(1_000);
      assert.deepEqual(asked.hosts, [A]);
    });
  }

  for (
    const [what, forge] of [
      ["is cut short", (reply: Uint8Array) => [reply.subarray(0, reply.length - 3)]],
      ["has pointers without an end", (reply: Uint8Array) => [looping(reply)]],
      ["has a wrong address length", (reply: Uint8Array) => [with0(reply, reply.length - 5, 3)]],
      ["counts more records than it has", (reply: Uint8Array) => [with0(reply, 7, 9)]],
    ] as const
  ) {
    resolvingTest(`if it can be parsed: the next server is queried at once if the reply ${what}`, async (r) => {
      r.one.set("A", "f.test", { answers: [{ type: "A", name: "f.test", ttl: 60, data: "203.0.113.66" }], forge });
      r.one.set("AAAA", "f.test", {});
      r.two.records("A", "f.test", 60, A);
      const asked = r.ask("f.test");
      await settle();
      const read = what.startsWith("counts") ? ["203.0.113.66"] : [A];
      assert.deepEqual(asked.hosts, read);
    });
  }

  resolvingTest("per record: a malformed record or OPT does not discard other records", async (r) => {
    const answers = [
      { type: "A", name: "f.test", ttl: 60, data: "203.0.113.66" },
      { type: "A", name: "f.test", ttl: 60, data: A },
    ] as const;
    // The first has an address of 4 octets and says 3, with a longer TTL's octet in its place: it is passed over.
    r.one.set("A", "f.test", { answers, forge: (reply) => [shortened(reply)] });
    r.one.set("AAAA", "f.test", {
      answers: [{ type: "AAAA", name: "f.test", ttl: 60, data: AAAA }],
      forge: (reply) => [withOpt(reply, [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 8, 0, 200])],
    });
    const asked = r.ask("f.test");
    await settle();
    assert.deepEqual(asked.hosts, [AAAA, A]);
    assert.deepEqual(r.two.asked, []);
  });

  resolvingTest("from the server's address and port (3proxy took any)", async (r) => {
    const forger = await r.internet.host("192.0.2.66").bindUdp({ host: "192.0.2.66", port: 53 });
    const same = await ((r.internet.owner(NS1.host, r.net))!).bindUdp({ host: NS1.host, port: 54 });
    r.one.set("A", "f.test", {
      answers: [{ type: "A", name: "f.test", ttl: 60, data: "203.0.113.66" }],
      forge: (reply) => {
        const addr = { host: "198.51.100.1", port: r.one.sources.at(-1)!.port };
        void forger.send([{ bytes: reply, addr }]);
        void same.send([{ bytes: reply, addr }]);
        return [];
      },
    });
    r.one.set("AAAA", "f.test", {});
    r.two.records("A", "f.test", 60, A);
    const asked = r.ask("f.test");
    await settle();
    assert.equal(asked.hosts, undefined);
    await r.clock.advance(1_000);
    assert.deepEqual(asked.hosts, [A]);
    forger.close();
    same.close();
  });

  resolvingTest("and a real reply after a forged one is still accepted", async (r) => {
    r.one.records("AAAA", "f.test", 60, AAAA);
    r.one.set("A", "f.test", {
      answers: [{ type: "A", name: "f.test", ttl: 60, data: A }],
      forge: (reply) => [with0(reply, 1, reply[1]! ^ 1), reply],
    });
    const asked = r.ask("f.test");
    await settle();
    assert.deepEqual(asked.hosts, [AAAA, A]);
  });

  resolvingTest("with ids and ports that differ", async (r) => {
    for (let i = 0; i < 100; i++) r.ask(`n${i}.test`);
    await settle();
    const ids = new Set(r.one.sources.map(({ id }) => id));
    assert.ok(ids.size > 190, `${ids.size} of 200`);
    assert.equal(new Set(r.one.sources.map(({ port }) => port)).size, 200);
  });
});

describe("A truncated answer", () => {
  resolvingTest("is queried again by TCP, two queries on one connection, which closes when idle", async (r) => {
    const answers = Array.from(
      { length: 200 },
      (_, i) => ({ type: "A", name: "big.test", ttl: 60, data: `203.0.113.${i}` } as const),
    );
    r.one.set("A", "big.test", { answers, truncated: true });
    r.one.set("AAAA", "big.test", { truncated: true });
    const asked = r.ask("big.test");
    await settle();
    assert.equal(asked.hosts?.length, 32, "so many are thought of");
    assert.deepEqual(r.one.asked.filter((one) => one.endsWith("/tcp")).sort(), ["A big.test/tcp", "AAAA big.test/tcp"]);
    assert.equal(r.net.dialled.length, 1);
    assert.equal(r.net.open.length, 1);
    await r.clock.advance(10_000);
    assert.deepEqual(r.net.open, []);
  });
});

describe("A server without EDNS", () => {
  for (const [what, rcode] of [["FORMERR", 1], ["NOTIMP", 4]] as const) {
    for (const [how, forge] of [["in full", undefined], ["with a bare header", bare]] as const) {
      resolvingTest(
        `that answers ${what} ${how} is queried without EDNS at once, and for later names from the start`,
        async (r) => {
          for (const name of ["a.test", "b.test"]) {
            const answers = [{ type: "A", name, ttl: 60, data: A }] as const;
            const unlessPlain = (reply: Uint8Array, query: Uint8Array) =>
              hasEdns(query) ? [forge ? forge(reply, rcode) : failure(reply, rcode)] : [reply];
            r.one.set("A", name, { answers, forge: unlessPlain });
            r.one.set("AAAA", name, { forge: unlessPlain });
          }
          const first = r.ask("a.test");
          await settle();
          assert.deepEqual(first.hosts, [A]);
          assert.equal(r.one.asked.length, 4);
          const second = r.ask("b.test");
          await settle();
          assert.deepEqual(second.hosts, [A]);
          assert.equal(r.one.asked.length, 6);
          assert.deepEqual(r.two.asked, []);
        },
      );
    }
  }

  resolvingTest(
    "that is silent, or behind a filter that drops EDNS queries, is queried without EDNS after 1 s",
    async (r) => {
      r.two.down = true;
      for (const name of ["a.test", "b.test"]) {
        const unlessPlain = (reply: Uint8Array, query: Uint8Array) => hasEdns(query) ? [] : [reply];
        r.one.set("A", name, { answers: [{ type: "A", name, ttl: 60, data: A }], forge: unlessPlain });
        r.one.set("AAAA", name, { forge: unlessPlain });
      }
      const first = r.ask("a.test");
      await r.clock.advance(999);
      assert.equal(first.hosts, undefined);
      await r.clock.advance(1);
      assert.deepEqual(first.hosts, [A]);
      const second = r.ask("b.test");
      await settle();
      assert.deepEqual(second.hosts, [A]);
    },
  );

  resolvingTest("that refuses with a bare header makes the next server queried at once", async (r) => {
    for (const type of ["A", "AAAA"]) r.one.set(type, "a.test", { forge: (reply) => [bare(reply, 5)] });
    r.two.records("A", "a.test", 60, A);
    const asked = r.ask("a.test");
    await settle();
    assert.deepEqual(asked.hosts, [A]);
  });

  resolvingTest("that is queried by TCP is queried without EDNS there too", async (r) => {
    const transport = transportTo({ kind: "tcp", addr: NS1 }, r);
    r.one.set("A", "a.test", {
      answers: [{ type: "A", name: "a.test", ttl: 60, data: A }],
      forge: (reply, query) => [hasEdns(query) ? bare(reply, 1) : reply],
    });
    const { answers } = await transport.ask({ name: "a.test", type: "A" }, new Cut());
    assert.equal(answers.length, 1);
    transport.close();
  });
});

describe("Several servers", () => {
  resolvingTest("the next server is queried when one is silent for 1 s, and comes first from then on", async (r) => {
    r.one.down = true;
    r.two.records("A", "a.test", 60, A);
    r.two.records("A", "b.test", 60, A);
    const asked = r.ask("a.test");
    await r.clock.advance(999);
    assert.equal(asked.hosts, undefined);
    await r.clock.advance(1);
    assert.deepEqual(asked.hosts, [A]);
    r.one.asked.length = 0;
    const second = r.ask("b.test");
    await settle();
    assert.deepEqual(second.hosts, [A]);
    assert.deepEqual(r.one.asked, []);
  });

  resolvingTest("the next server is queried at once when one fails", async (r) => {
    for (const type of ["A", "AAAA"]) r.one.set(type, "a.test", { rcode: 2 });
    r.two.records("A", "a.test", 60, A);
    const asked = r.ask("a.test");
    await settle();
    assert.deepEqual(asked.hosts, [A]);
  });

  resolvingTest("a late reply still counts", async (r) => {
    r.two.down = true;
    let late: (() => void) | undefined;
    r.one.set("AAAA", "a.test", {});
    r.one.set("A", "a.test", {
      answers: [{ type: "A", name: "a.test", ttl: 60, data: A }],
      forge: (reply) => {
        const addr = { host: "198.51.100.1", port: r.one.sources.at(-1)!.port };
        late ??= () => void r.one.send(reply, addr);
        return [];
      },
    });
    const asked = r.ask("a.test");
    await r.clock.advance(2_500);
    late!();
    await settle();
    assert.deepEqual(asked.hosts, [A]);
  });
});

describe("The cache", () => {
  resolvingTest("sends one query for concurrent lookups of a name, and none before the TTL ends", async (r) => {
    r.one.records("A", "a.test", 60, A);
    const all = [r.ask("a.test"), r.ask("A.test"), r.ask("a.test.")];
    await settle();
    for (const { hosts } of all) assert.deepEqual(hosts, [A]);
    await r.clock.advance(50_000);
    r.ask("a.test");
    await settle();
    assert.equal(r.one.asked.length, 2);
  });

  resolvingTest("follows a changed TTL and a changed address", async (r) => {
    r.one.records("A", "a.test", 5, A);
    r.ask("a.test");
    await settle();
    r.one.records("A", "a.test", 100, "203.0.113.2");
    await r.clock.advance(5_000);
    const moved = r.ask("a.test");
    await settle();
    assert.deepEqual(moved.hosts, ["203.0.113.2"]);
    r.one.asked.length = 0;
    await r.clock.advance(80_000);
    assert.deepEqual(await r.resolver.resolve("a.test"), ["203.0.113.2"]);
    assert.deepEqual(r.one.asked, []);
  });

  resolvingTest("refreshes a name in use before its TTL ends, without delay for clients", async (r) => {
    r.one.records("A", "a.test", 100, A);
    r.ask("a.test");
    await settle();
    r.one.records("A", "a.test", 100, "203.0.113.2");
    await r.clock.advance(95_000);
    assert.deepEqual(await r.resolver.resolve("a.test"), [A]);
    await settle();
    assert.deepEqual(await r.resolver.resolve("a.test"), ["203.0.113.2"]);
  });

  resolvingTest(
    "serves stale data if no server answers (RFC 8767), first after 1.8 s, then at once",
    async (r) => {
      r.one.records("A", "a.test", 5, A);
      r.ask("a.test");
      await settle();
      r.one.down = r.two.down = true;
      await r.clock.advance(6_000);
      const stale = r.ask("a.test");
      await r.clock.advance(1_799);
      assert.equal(stale.hosts, undefined);
      await r.clock.advance(1);
      assert.deepEqual(stale.hosts, [A]);
      await r.clock.advance(5_000);
      r.one.asked.length = 0;
      const again = r.ask("a.test");
      await settle();
      assert.deepEqual(again.hosts, [A]);
      assert.deepEqual(r.one.asked, [], "not asked again for 30 s");
      r.one.down = false;
      r.one.records("A", "a.test", 5, "203.0.113.2");
      await r.clock.advance(60_000);
      const back = r.ask("a.test");
      await settle();
      assert.deepEqual(back.hosts, ["203.0.113.2"]);
    },
  );

  resolvingTest("does not serve stale data for a name that no longer exists", async (r) => {
    r.one.records("A", "a.test", 5, A);
    r.ask("a.test");
    await settle();
    r.one.set("A", "a.test", { rcode: 3 });
    await r.clock.advance(6_000);
    const gone = r.ask("a.test");
    await settle();
    assert.equal(gone.kind, "no-such-name");
  });

  resolvingTest("keeps NXDOMAIN for the time in the SOA record (RFC 2308)", async (r) => {
    for (const type of ["A", "AAAA"]) r.one.set(type, "n.test", { rcode: 3, authorities: [soa("test", 900, 60)] });
    r.ask("n.test");
    await r.clock.advance(59_000);
    const still = r.ask("n.test");
    await settle();
    assert.equal(still.kind, "no-such-name");
    assert.equal(r.one.asked.length, 2);
    r.one.records("A", "n.test", 60, A);
    await r.clock.advance(2_000);
    const come = r.ask("n.test");
    await settle();
    assert.deepEqual(come.hosts, [A]);
  });

  resolvingTest("keeps a failure for 5 s", async (r) => {
    for (const server of [r.one, r.two]) for (const type of ["A", "AAAA"]) server.set(type, "s.test", { rcode: 2 });
    r.ask("s.test");
    await r.clock.advance(4_999);
    r.ask("s.test");
    await settle();
    assert.equal(r.one.asked.length, 2);
    await r.clock.advance(1);
    r.ask("s.test");
    await settle();
    assert.equal(r.one.asked.length, 4);
  });

  resolvingTest("is bounded, and keeps the names in use", async (r) => {
    for (let i = 0; i < 30; i++) {
      r.one.records("A", `n${i}.test`, 600, A);
      r.ask(`n${i}.test`);
      await settle();
      r.ask("n0.test");
      await settle();
    }
    const asked = (name: string) => r.one.asked.filter((one) => one === `A ${name}`).length;
    assert.equal(asked("n0.test"), 1);
    r.ask("n1.test");
    r.ask("n29.test");
    await settle();
    assert.equal(asked("n1.test"), 2);
    assert.equal(asked("n29.test"), 1);
  }, 8);

  resolvingTest("lets one client cancel, and answers the others", async (r) => {
    r.one.down = true;
    r.two.records("A", "a.test", 60, A);
    const cut = new Cut();
    const leaving = r.ask("a.test", cut), staying = r.ask("a.test", new Cut());
    await settle();
    cut.make();
    await settle();
    assert.equal(leaving.kind, "aborted");
    await r.clock.advance(1_000);
    assert.deepEqual(staying.hosts, [A]);
  });

  resolvingTest("ends at once when the resolver is closed", async (r) => {
    r.one.down = r.two.down = true;
    const asked = r.ask("a.test");
    await settle();
    r.resolver.close();
    await settle();
    assert.equal(asked.kind, "name-lookup-failed");
  });
});

function hasEdns(query: Uint8Array): boolean {
  return query[11] === 1;
}

/** A failure with its question. */
function failure(reply: Uint8Array, rcode: number): Uint8Array {
  return with0(with0(reply.subarray(0, 24), 3, rcode), 7, 0);
}

function with0(bytes: Uint8Array, at: number, octet: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = octet;
  return copy;
}

/** A header alone, as of servers that know no EDNS. */
function bare(reply: Uint8Array, rcode: number): Uint8Array {
  const header = reply.slice(0, 12);
  header.fill(0, 4);
  header[3] = rcode;
  return header;
}

/** Its first record of two A records has an address of three octets. */
function shortened(reply: Uint8Array): Uint8Array {
  const size = (reply.length - 24) / 2, end = 24 + size;
  const copy = new Uint8Array(reply.length - 1);
  copy.set(reply.subarray(0, end - 1));
  copy.set(reply.subarray(end), end - 1);
  copy[end - 5] = 3;
  return copy;
}

function withOpt(reply: Uint8Array, record: readonly number[]): Uint8Array {
  const copy = new Uint8Array(reply.length + record.length);
  copy.set(reply);
  copy.set(record, reply.length);
  copy[11] = 1;
  return copy;
}

/** The name of its first record is a pointer to itself. */
function looping(reply: Uint8Array): Uint8Array {
  const copy = reply.slice();
  const at = 12 + 8 + 4; // behind the header and the question for f.test
  copy[at] = 0xc0;
  copy[at + 1] = at;
  return copy;
}

test("A TCP-only server gets many queries on one connection", async () => {
  const r = new Resolving();
  await r.start();
  r.net.pipeSize = 64; // less than two of them
  const transport = transportTo({ kind: "tcp", addr: NS1 }, r);
  const names = Array.from({ length: 20 }, (_, i) => `n${i}.test`);
  for (const name of names) r.one.records("A", name, 60, A);
  const replies = await Promise.all(names.map((name) => transport.ask({ name, type: "A" }, new Cut())));
  assert.ok(replies.every(({ answers }) => answers.length === 1));
  assert.deepEqual(r.one.asked, names.map((name) => `A ${name}/tcp`));
  transport.close();
  await r.end();
});

describe("A kept connection", () => {
  const answers = [{ type: "A", name: "b.test", ttl: 60, data: A }] as const;
  const kept = async (r: Resolving) => {
    const transport = transportTo({ kind: "tcp", addr: NS1 }, r);
    r.one.records("A", "a.test", 60, A);
    await transport.ask({ name: "a.test", type: "A" }, new Cut());
    return transport;
  };
  const ask = (transport: ReturnType<typeof transportTo>, cut = new Cut()) => {
    const outcome: { answers?: number; error?: NetError } = {};
    transport.ask({ name: "b.test", type: "A" }, cut).then(
      ({ answers }) => outcome.answers = answers.length,
      (error) => outcome.error = error,
    );
    return outcome;
  };

  resolvingTest("that died silently is replaced after 1 s", async (r) => {
    const transport = await kept(r);
    r.one.set("A", "b.test", { silent: true }, { silent: true }, { answers });
    const [one, other] = [ask(transport), ask(transport)];
    await r.clock.advance(999);
    assert.equal(one.answers, undefined);
    assert.equal(r.net.dialled.length, 1);
    await r.clock.advance(1);
    assert.deepEqual([one.answers, other.answers], [1, 1]);
    assert.equal(r.net.dialled.length, 2);
    assert.equal(r.net.open.length, 1, "the dead one is closed");
    transport.close();
  });

  resolvingTest("that answers other queries counts as alive, even if one query is slow", async (r) => {
    const transport = await kept(r);
    r.one.set("A", "b.test", { silent: true });
    const cut = new Cut();
    const slow = ask(transport, cut);
    await r.clock.advance(500);
    await transport.ask({ name: "a.test", type: "A" }, new Cut());
    await r.clock.advance(4_000);
    assert.equal(r.net.dialled.length, 1);
    cut.make();
    await settle();
    assert.equal(slow.error?.kind, "aborted");
    transport.close();
  });

  resolvingTest("to a dead server closes when the query is cancelled", async (r) => {
    const transport = await kept(r);
    r.one.down = true;
    const cut = new Cut();
    const asked = ask(transport, cut);
    await r.clock.advance(5_000);
    assert.equal(r.net.dialled.length, 2);
    cut.make();
    await settle();
    assert.equal(asked.error?.kind, "aborted");
    assert.deepEqual(r.net.open, []);
    transport.close();
  });
});

test("A name with 3,000 addresses is kept with 32, of both families", async () => {
  const r = new Resolving();
  await r.start();
  let looks = 0;
  const localAddrFor = r.net.localAddrFor.bind(r.net);
  r.net.localAddrFor = (host) => (looks++, localAddrFor(host));
  r.one.records("A", "wide.test", 60, ...Array.from({ length: 2_000 }, (_, i) => `203.0.${i >> 8}.${i & 255}`));
  r.one.records("AAAA", "wide.test", 60, ...Array.from({ length: 1_000 }, (_, i) => `2001:db8::${i.toString(16)}`));
  const asked = r.ask("wide.test");
  await settle();
  assert.equal(asked.hosts?.length, 32);
  assert.equal(asked.hosts!.filter((host) => host.includes(":")).length, 16);
  assert.ok(looks <= 96, `${looks} looks at the routes`);
  await r.end();
});
