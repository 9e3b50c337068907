import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseHosts } from "../../src/dns/hosts.ts";
import { Names } from "../../src/dns/names.ts";
import { MemoryResolver } from "../support/memory/memory_resolver.ts";

const A = "203.0.113.1", AAAA = "2001:db8:5::1";

interface Asked {
  readonly names: Names;
  readonly dns: MemoryResolver;
  readonly system: MemoryResolver;
}

function named(hosts = "", withDns = true): Asked {
  const [dns, system] = [new MemoryResolver(), new MemoryResolver()];
  const parsed = parseHosts(hosts);
  return { names: new Names({ hosts: [() => parsed], system, ...(withDns && { dns }) }), dns, system };
}

describe("The resolver of a name", () => {
  for (
    const [name, who] of [
      ["example.org", "dns"],
      ["EXAMPLE.org.", "dns"],
      ["printer", "system"],
      ["printer.local", "nobody"],
      ["local", "nobody"],
      ["notlocal.example", "dns"],
      ["my.notonion", "dns"],
      ["facebookcorewwwi.onion", "nobody"],
      ["a.b.ONION.", "nobody"],
      ["x.invalid", "nobody"],
    ] as const
  ) {
    test(`${name}: ${who}`, async () => {
      const { names, dns, system } = named();
      for (const resolver of [dns, system]) resolver.set(name, [A]);
      const asked = names.resolve(name);
      if (who === "nobody") await assert.rejects(asked, { kind: "no-such-name" });
      else assert.deepEqual(await asked, [A]);
      assert.deepEqual([dns.asked.length, system.asked.length], [who === "dns" ? 1 : 0, who === "system" ? 1 : 0]);
      if (who === "nobody") await assert.rejects(names.first(name), { kind: "no-such-name" });
    });
  }

  test("localhost is loopback, without a query", async () => {
    const { names, dns, system } = named();
    for (const name of ["localhost", "LOCALHOST.", "db.localhost"]) {
      assert.deepEqual(await names.resolve(name), ["127.0.0.1", "::1"]);
    }
    assert.equal(await names.reverse("127.0.0.1"), "localhost");
    assert.deepEqual([...dns.asked, ...system.asked], []);
  });

  test("without DNS servers the system resolves all names except .onion", async () => {
    const { names, system } = named("", false);
    system.set("example.org", [A]);
    assert.deepEqual(await names.resolve("example.org"), [A]);
    await assert.rejects(names.resolve("x.onion"), { kind: "no-such-name" });
    system.set("printer.local", [AAAA]);
    assert.deepEqual(await names.resolve("printer.local"), [AAAA]);
    assert.deepEqual(await names.resolve("db.localhost"), ["127.0.0.1", "::1"]);
    system.set("localhost", ["::1"]);
    assert.deepEqual(await names.resolve("localhost"), ["::1"]);
    assert.deepEqual(system.asked, ["example.org", "printer.local", "localhost"]);
  });
});

describe("Hosts entries", () => {
  test("come first, in any spelling, and also for addresses", async () => {
    const { names, dns } = named(`${A} Server.TEST alias # a comment\n\t${AAAA}\tserver.test.\n${A} server.test\n`);
    for (const name of ["server.test", "SERVER.test."]) assert.deepEqual(await names.resolve(name), [A, AAAA]);
    assert.deepEqual(await names.first("alias"), { hosts: [A] });
    assert.equal(await names.reverse(A), "Server.TEST");
    assert.deepEqual(dns.asked, []);
  });

  test("skip invalid lines", () => {
    const { addresses } = parseHosts(
      "nonsense\n300.1.1.1 a\n# 192.0.2.1 b\n192.0.2.2\nfe80::1%eth0 c\n\n::ffff:192.0.2.3 d\n",
    );
    assert.deepEqual([...addresses], [["d", ["192.0.2.3"]]]);
  });
});
