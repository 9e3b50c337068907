import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseNameServices } from "../../../src/dns/system/name_services.ts";
import { parseResolvConf } from "../../../src/dns/system/resolv_conf.ts";
import { SystemNames } from "../../../src/dns/system/system_names.ts";
import { watched } from "../../../src/dns/system/watched_file.ts";
import { Cut } from "../../../src/net/cut.ts";
import type { NetError } from "../../../src/net/error.ts";
import { ScriptedDns } from "../../support/names/dns_server.ts";
import { Internet } from "../../support/memory/memory_net.ts";
import { MemoryResolver } from "../../support/memory/memory_resolver.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";

const NS1 = { host: "192.0.2.53", port: 53 }, NS2 = { host: "192.0.2.54", port: 53 };
const STUB = { host: "127.0.0.53", port: 53 };
const A = "203.0.113.1", B = "203.0.113.2", AAAA = "2001:db8:5::1", SYSTEM = "198.51.100.99";
const BOTH = `nameserver ${NS1.host}\nnameserver ${NS2.host}\n`;

interface Texts {
  resolvConf: string;
  nameServices: string;
  addressOrder: string;
  hosts: string;
}

/** A host with such files and two DNS servers, whose getaddrinfo knows every name by one address. */
async function host(texts: Partial<Texts> = {}, hostname = "box") {
  const clock = new TestClock();
  const internet = new Internet(clock);
  const net = internet.host("198.51.100.1", "2001:db8:1::1", STUB.host);
  const [one, two] = [
    await ScriptedDns.start(internet.host(NS1.host), NS1),
    await ScriptedDns.start(internet.host(NS2.host), NS2),
  ];
  const stub = await ScriptedDns.start(net, STUB);
  const now: Texts = { resolvConf: BOTH, nameServices: "hosts: files dns\n", addressOrder: "", hosts: "", ...texts };
  const file = (key: keyof Texts) => ({ version: () => now[key], read: () => now[key] });
  const system = new MemoryResolver();
  const resolve = system.resolve.bind(system);
  system.resolve = async (name, cut) => (await resolve(name, cut).catch(() => {}), [SYSTEM]);
  const names = new SystemNames({
    files: {
      resolvConf: file("resolvConf"),
      nameServices: file("nameServices"),
      addressOrder: file("addressOrder"),
      hosts: file("hosts"),
      hostname: () => hostname,
    },
    system,
    net,
    clock,
  });
  const ask = (name: string) => {
    const outcome: { hosts?: readonly string[]; kind?: string } = {};
    names.resolve(name).then((hosts) => outcome.hosts = hosts, ({ kind }: NetError) => outcome.kind = kind);
    return outcome;
  };
  const end = async () => {
    names.close();
    for (const server of [one, two, stub]) server.close();
    await clock.advance(60_000);
    net.assertNothingOpen();
    assert.equal(clock.pending, 0);
  };
  return { clock, net, one, two, stub, now, system, names, ask, end };
}

function hostTest(name: string, texts: Partial<Texts>, body: (h: Awaited<ReturnType<typeof host>>) => Promise<void>) {
  test(name, async () => {
    const h = await host(texts);
    await body(h);
    await h.end();
  });
}

describe("Names of the system", () => {
  hostTest("are queried at the servers of resolv.conf, and sorted by RFC 6724", {}, async (h) => {
    h.one.records("A", "a.test", 60, A);
    h.one.records("AAAA", "a.test", 60, AAAA);
    assert.deepEqual(await h.names.resolve("A.test."), [AAAA, A]);
    assert.deepEqual(await h.names.first("a.test"), { hosts: [AAAA, A] });
    h.one.records("PTR", "1.113.0.203.in-addr.arpa", 60, "host.test");
    assert.equal(await h.names.reverse(A), "host.test");
    assert.deepEqual(h.system.asked, []);
  });

  hostTest(
    "do not wait for 1,200 unanswered names of another client, and use no getaddrinfo thread",
    {},
    async (h) => {
      for (const server of [h.one, h.two]) {
        for (let i = 0; i < 1_200; i++) {
          for (const type of ["A", "AAAA"]) server.set(type, `dead${i}.test`, { silent: true });
        }
      }
      h.one.records("A", "live.test", 60, A);
      const leaving = new Cut();
      for (let i = 0; i < 1_200; i++) {
        h.names.resolve(`dead${i}.test`, leaving, { client: "192.0.2.66" }).catch(() => {});
      }
      await settle();
      let hosts: readonly string[] | undefined;
      void h.names.resolve("live.test", new Cut(), { client: "192.0.2.1" }).then((found) => hosts = found);
      await settle();
      assert.deepEqual(hosts, [A]);
      assert.deepEqual(h.system.asked, []);
      leaving.make();
      await settle();
      assert.equal(h.net.udpSocketCount, 1, "that of the stub");
    },
  );

  hostTest("come from the current /etc/hosts first, sorted for connecting", {
    hosts: `${A} here.test alias\n${AAAA} here.test\n127.0.0.1 localhost\n`,
  }, async (h) => {
    assert.deepEqual(await h.names.resolve("HERE.test"), [AAAA, A]);
    assert.deepEqual(await h.names.first("alias"), { hosts: [A] });
    assert.deepEqual(await h.names.resolve("localhost"), ["127.0.0.1"]);
    assert.equal(await h.names.reverse(A), "here.test");
    h.now.hosts = `${B} here.test\n`;
    await h.clock.advance(1_000);
    assert.deepEqual(await h.names.resolve("here.test"), [B]);
    assert.deepEqual(await h.names.resolve("localhost"), ["127.0.0.1", "::1"], "of which nobody is asked");
    assert.deepEqual([...h.one.asked, ...h.two.asked, ...h.system.asked], []);
  });

  hostTest("follow a changed resolv.conf, which clears the cache", {}, async (h) => {
    h.one.records("A", "a.test", 600, A);
    h.two.records("A", "a.test", 600, B);
    assert.deepEqual(await h.names.resolve("a.test"), [A]);
    h.now.resolvConf = `nameserver ${NS2.host}\n`;
    await h.clock.advance(1_000);
    assert.deepEqual(await h.names.resolve("a.test"), [B]);
  });

  hostTest("come from the first server again after another one answered", {}, async (h) => {
    h.one.down = true;
    h.two.records("A", "a.test", 60, B);
    const asked = h.ask("a.test");
    await h.clock.advance(1_000);
    assert.deepEqual(asked.hosts, [B]);
    h.one.down = false;
    h.one.records("A", "inner.test", 60, A);
    await h.clock.advance(1_000);
    assert.deepEqual(await h.names.resolve("inner.test"), [A], "which the other knows nothing of");
  });

  hostTest(
    "come from each server in turn with options rotate",
    { resolvConf: `${BOTH}options rotate\n` },
    async (h) => {
      for (let i = 0; i < 8; i++) {
        for (const server of [h.one, h.two]) server.records("A", `n${i}.test`, 60, A);
        await h.names.resolve(`n${i}.test`);
      }
      assert.ok(h.one.asked.length >= 4 && h.two.asked.length >= 4, `${h.one.asked.length}, ${h.two.asked.length}`);
    },
  );

  hostTest("obey options timeout and attempts", {
    resolvConf: `nameserver ${NS1.host}\noptions timeout:2 attempts:2\n`,
  }, async (h) => {
    h.one.down = true;
    const asked = h.ask("a.test");
    await h.clock.advance(3_999);
    assert.equal(asked.kind, undefined);
    assert.equal(h.one.asked.length, 4, "each family twice");
    await h.clock.advance(1);
    assert.equal(asked.kind, "name-lookup-failed");
  });

  for (
    const [options, edns, suffix, types] of [
      ["", 0, "", 2],
      ["edns0", 1, "", 2],
      ["use-vc", 1, "/tcp", 2],
      ["no-aaaa", 0, "", 1],
    ] as const
  ) {
    hostTest(`obey options ${options}`, { resolvConf: `${BOTH}options ${options}\n` }, async (h) => {
      const seen: number[] = [];
      const forge = (reply: Uint8Array, query: Uint8Array) => (seen.push(query[11]!), [reply]);
      h.one.set("A", "a.test", { answers: [{ type: "A", name: "a.test", ttl: 60, data: A }], forge });
      assert.deepEqual(await h.names.resolve("a.test"), [A]);
      assert.deepEqual(seen, [edns]);
      assert.equal(h.one.asked.length, types);
      assert.ok(h.one.asked.every((one) => one.endsWith("test" + suffix)));
    });
  }
});

describe("Search domains", () => {
  const resolvConf = `${BOTH}search corp.test sub.corp.test\n`;
  const searched = (h: Awaited<ReturnType<typeof host>>) =>
    h.one.asked.filter((one) => one.startsWith("A ")).map((one) => one.slice(2));

  hostTest("are tried before a name with fewer dots than ndots, and after other names", {
    resolvConf,
  }, async (h) => {
    h.one.records("A", "db.sub.corp.test", 60, A);
    assert.deepEqual(await h.names.resolve("db"), [A]);
    assert.deepEqual(searched(h), ["db.corp.test", "db.sub.corp.test"]);
    h.one.asked.length = 0;
    h.one.records("A", "x.y.corp.test", 60, B);
    assert.deepEqual(await h.names.resolve("x.y"), [B]);
    assert.deepEqual(searched(h), ["x.y", "x.y.corp.test"]);
  });

  hostTest("are not used for a name that ends in a dot, and the name itself comes last", { resolvConf }, async (h) => {
    h.one.records("A", "db", 60, A);
    assert.deepEqual(await h.names.resolve("db."), [A]);
    assert.deepEqual(searched(h), ["db"]);
    assert.deepEqual(await h.names.resolve("db"), [A]);
    assert.equal(h.ask("none.").hosts, undefined);
  });

  hostTest("are all tried if one fails, and the failure is reported at the end", {
    resolvConf: `${BOTH}search bad.test corp.test\noptions ndots:5\n`,
  }, async (h) => {
    for (const server of [h.one, h.two]) {
      for (const type of ["A", "AAAA"]) server.set(type, "a.b.bad.test", { rcode: 2 });
    }
    h.one.records("A", "a.b", 60, A);
    assert.deepEqual(await h.names.resolve("a.b"), [A]);
    for (const server of [h.one, h.two]) {
      for (const type of ["A", "AAAA"]) server.set(type, "c.d.bad.test", { rcode: 2 });
    }
    await assert.rejects(h.names.resolve("c.d"), { kind: "name-lookup-failed" });
    await assert.rejects(h.names.resolve("nowhere."), { kind: "no-such-name", message: /'nowhere\.'/ });
  });

  hostTest("are not all tried if the servers are silent", { resolvConf }, async (h) => {
    h.one.down = h.two.down = true;
    const asked = h.ask("a.b");
    await h.clock.advance(5_000);
    assert.equal(asked.kind, "name-lookup-failed");
  });

  test("default to the domain of this machine", async () => {
    const h = await host({}, "box.corp.test");
    h.one.records("A", "db.corp.test", 60, A);
    assert.deepEqual(await h.names.resolve("db"), [A]);
    await h.end();
  });
});

describe("getaddrinfo is used", () => {
  const all = ["a.test", "printer.local", "db", "box"];
  for (
    const [what, texts, asked] of [
      ["for no name with files and dns", { nameServices: "hosts: files dns" }, []],
      ["for no name without a hosts line", { nameServices: "passwd: files\n" }, []],
      ["for .local with multicast DNS", {
        nameServices: "hosts:  files mdns4_minimal [NOTFOUND=return] dns # as it comes\n",
      }, ["printer.local"]],
      ["for machines", { nameServices: "hosts: files myhostname dns\n" }, ["db", "box"]],
      ["for all with systemd-resolved beside resolv.conf", {
        nameServices: "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n",
      }, all],
      ["for machines if systemd-resolved is in resolv.conf", {
        nameServices: "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n",
        resolvConf: `nameserver ${STUB.host}\n`,
      }, ["db", "box"]],
      ["for all with LDAP", { nameServices: "hosts: files ldap dns\n" }, all],
      ["for all with a NOTFOUND=return service", { nameServices: "hosts: files [NOTFOUND=return] dns\n" }, all],
      ["for all if DNS comes before files", { nameServices: "hosts: dns files\n" }, all],
      ["for all with files only", { nameServices: "hosts: files\n" }, all],
      ["for all with a custom address order", { addressOrder: "precedence ::ffff:0:0/96 100\n" }, all],
      ["for all without a name server", { resolvConf: "" }, all],
      ["for all if a server address has a zone", { resolvConf: "nameserver fe80::1%eth0\n" }, all],
    ] as const
  ) {
    hostTest(what, texts, async (h) => {
      for (const name of all) {
        for (const server of [h.one, h.stub]) server.records("A", name, 60, A);
        const byFiles = !(asked as readonly string[]).includes(name);
        assert.deepEqual(await h.names.resolve(name), [byFiles ? A : SYSTEM], name);
      }
      assert.deepEqual(h.system.asked, asked);
    });
  }

  hostTest("with the client and the cut", { nameServices: "hosts: files wins dns" }, async (h) => {
    const seen: unknown[] = [];
    h.system.resolve = (...args) => (seen.push(args.slice(1)), Promise.resolve([SYSTEM]));
    const cut = new Cut(), asker = { client: "192.0.2.1" };
    await h.names.resolve("a.test", cut, asker);
    assert.deepEqual(seen, [[cut, asker]]);
  });
});

test("parseResolvConf() reads resolv.conf(5) within the limits of the system", () => {
  const conf = parseResolvConf(`; a comment
# nameserver 192.0.2.1
nameserver 192.0.2.53 # trailing words are nothing to it
nameserver\t2001:db8::53
domain one.test
search Two.test. three.test
nameserver ::ffff:192.0.2.55
nameserver 192.0.2.56
options ndots:99 timeout:0 attempts:9
options rotate trust-ad edns0
nonsense
`);
  assert.deepEqual(conf, {
    servers: [NS1, { host: "2001:db8::53", port: 53 }, { host: "192.0.2.55", port: 53 }],
    search: ["two.test", "three.test"],
    ndots: 15,
    timeoutMs: 1_000,
    attempts: 5,
    rotate: true,
    edns: true,
    byTcp: false,
    noIpv6: false,
  });
});

test("parseNameServices() reads the default lines of common systems", () => {
  const files = { multicast: false, machines: false, resolved: false };
  for (
    const [line, services] of [
      ["files dns", files],
      ["files [SUCCESS=return] dns", files],
      ["files mdns4_minimal [NOTFOUND=return] dns myhostname", { ...files, multicast: true, machines: true }],
      ["files myhostname resolve [!UNAVAIL=return] dns", { ...files, machines: true, resolved: true }],
      ["files resolve [!UNAVAIL=return] dns", { ...files, resolved: true }],
      ["files mdns4_minimal [NOTFOUND=return] dns mdns4", undefined],
      ["files dns [!UNAVAIL=return] nis", undefined],
      ["db files dns", undefined],
      ["files sss dns", undefined],
    ] as const
  ) {
    assert.deepEqual(parseNameServices(`passwd: files\n hosts:\t${line}\n`), services, line);
  }
});

test("A watched file is checked again after 1 s, and parsed if its text changed", async () => {
  const clock = new TestClock();
  let text = "a", version = 1, looks = 0;
  const parsed: string[] = [];
  const file = watched(
    { version: () => (looks++, String(version)), read: () => text },
    (text) => (parsed.push(text), { text }),
    clock,
  );
  const first = file();
  [text, version] = ["b", 2];
  assert.equal(file(), first);
  await clock.advance(1_000);
  assert.deepEqual(file(), { text: "b" });
  version = 3;
  await clock.advance(1_000);
  file();
  assert.deepEqual([parsed, looks], [["a", "b"], 3]);
});
