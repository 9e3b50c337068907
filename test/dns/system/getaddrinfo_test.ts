import { Cut } from "../../../src/net/cut.ts";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lookupTurns, resolveByLookup, systemResolver } from "../../../src/dns/system/getaddrinfo.ts";
import { settle } from "../../support/memory/test_clock.ts";

const ADDRESS = "203.0.113.1";

/** A system that answers when it is told to, on so many threads. */
function slowSystem(threads: number) {
  const asked: { readonly name: string; answer(): void }[] = [];
  const look = <T>(name: string, answer: T) =>
    new Promise<T>((resolve) => asked.push({ name, answer: () => resolve(answer) }));
  const resolver = resolveByLookup(
    (name) => look(name, [ADDRESS]),
    (address) => look(address, "name.test"),
    lookupTurns(threads),
  );
  return { resolver, asked };
}

/** No name server has to be asked to know that a label of 64 octets names nothing. */
const IMPOSSIBLE = `${"a".repeat(64)}.test`;

describe("The system's resolver", () => {
  test("resolves localhost to canonical addresses without duplicates", async () => {
    const hosts = await systemResolver().resolve("localhost");
    assert.ok(hosts.length > 0);
    for (const host of hosts) assert.ok(["127.0.0.1", "::1"].includes(host), host);
    assert.equal(new Set(hosts).size, hosts.length);
  });

  test("names the unresolved name in its error", async () => {
    await assert.rejects(systemResolver().resolve(IMPOSSIBLE), {
      name: "NetError",
      kind: "no-such-name",
      message: `Cannot resolve '${IMPOSSIBLE}': no such name (ENOTFOUND)`,
    });
  });

  test("makes one call for concurrent lookups of a name in any case, and another one later", async () => {
    const { resolver, asked } = slowSystem(8);
    const [one, other] = [resolver.resolve("a.test"), resolver.resolve("A.Test")];
    await settle();
    assert.equal(asked.length, 1);
    asked[0]!.answer();
    assert.deepEqual([await one, await other], [[ADDRESS], [ADDRESS]]);
    const later = resolver.resolve("a.test");
    await settle();
    asked[1]!.answer();
    await later;
  });

  test("lets one client cancel at once, and answers the others", async () => {
    const { resolver, asked } = slowSystem(8);
    const leaving = new Cut();
    const one = resolver.resolve("a.test", leaving);
    const other = resolver.resolve("a.test", new Cut());
    leaving.make();
    await assert.rejects(one, { name: "NetError", kind: "aborted" });
    await settle();
    asked[0]!.answer();
    assert.deepEqual(await other, [ADDRESS]);
  });

  test("keeps a thread for other clients during one client's unanswered lookups, and drops cancelled lookups", async () => {
    const { resolver, asked } = slowSystem(4);
    const leaving = new Cut();
    const dead = Array.from(
      { length: 50 },
      (_, i) => resolver.resolve(`dead${i}.test`, leaving, { client: "192.0.2.66" }),
    );
    const innocent = resolver.resolve("live.test", new Cut(), { client: "192.0.2.1" });
    await settle();
    assert.deepEqual(asked.map(({ name }) => name), ["dead0.test", "dead1.test", "live.test"]);
    asked[2]!.answer();
    assert.deepEqual(await innocent, [ADDRESS]);
    leaving.make();
    for (const one of dead) await assert.rejects(one, { kind: "aborted" });
    // A thread that is in use stays so until the lookup has ended.
    for (let i = 0; i < 3; i++) void resolver.resolve(`more${i}.test`, new Cut(), { client: "192.0.2.66" });
    await settle();
    assert.equal(asked.length, 3);
    asked[0]!.answer();
    await settle();
    assert.deepEqual(asked.slice(3).map(({ name }) => name), ["more0.test"]);
  });

  test("shares reverse lookups between clients too", async () => {
    const { resolver, asked } = slowSystem(4);
    for (let i = 0; i < 9; i++) void resolver.reverse(`203.0.113.${i}`, new Cut(), { client: "192.0.2.66" });
    const innocent = resolver.reverse("198.51.100.1", new Cut(), { client: "192.0.2.1" });
    await settle();
    assert.equal(asked.length, 3);
    asked[2]!.answer();
    assert.equal(await innocent, "name.test");
  });

  test("rejects a lookup cancelled beforehand, and ignores the failure of a cancelled lookup", async () => {
    const unhandled: unknown[] = [];
    const note = (event: PromiseRejectionEvent) => {
      unhandled.push(event.reason);
      event.preventDefault();
    };
    const noteNode = (reason: unknown) => unhandled.push(reason);
    globalThis.addEventListener("unhandledrejection", note);
    const { default: process } = await import("node:process");
    process.on("unhandledRejection", noteNode);
    try {
      const resolver = systemResolver();
      await assert.rejects(resolver.resolve(IMPOSSIBLE, made()), { kind: "aborted" });
      await assert.rejects(resolver.resolve(IMPOSSIBLE), { kind: "no-such-name" });
      const leaving = new Cut();
      const left = resolver.resolve(`b${IMPOSSIBLE}`, leaving);
      leaving.make();
      await assert.rejects(left, { kind: "aborted" });
      // Whoever comes next waits for the same answer, so that it is there when he is told.
      await assert.rejects(resolver.resolve(`c${IMPOSSIBLE}`), { kind: "no-such-name" });
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(unhandled, []);
    } finally {
      globalThis.removeEventListener("unhandledrejection", note);
      process.off("unhandledRejection", noteNode);
    }
  });
});

function made(): Cut {
  const cut = new Cut();
  cut.make();
  return cut;
}
