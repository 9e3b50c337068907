import { Cut } from "../../src/net/cut.ts";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemResolver } from "../../src/dns/system.ts";

/** No name server has to be asked to know that a label of 64 octets names nothing. */
const IMPOSSIBLE = `${"a".repeat(64)}.test`;

describe("The system's resolver", () => {
  test("knows localhost, as canonical addresses and each once", async () => {
    const hosts = await systemResolver().resolve("localhost");
    assert.ok(hosts.length > 0);
    for (const host of hosts) assert.ok(["127.0.0.1", "::1"].includes(host), host);
    assert.equal(new Set(hosts).size, hosts.length);
  });

  test("says what it could not resolve", async () => {
    await assert.rejects(systemResolver().resolve(IMPOSSIBLE), {
      name: "NetError",
      kind: "no-such-name",
      message: `Cannot resolve '${IMPOSSIBLE}': ENOTFOUND`,
    });
  });

  test("asks once for one name at one time, however it is written, and again later", async () => {
    const resolver = systemResolver();
    const first = resolver.resolve("localhost");
    assert.equal(resolver.resolve("LocalHost"), first);
    await first;
    await new Promise((resolve) => setImmediate(resolve));
    const later = resolver.resolve("localhost");
    assert.notEqual(later, first);
    await later;
  });

  test("lets who waits leave at once, and the others have their answer", async () => {
    const resolver = systemResolver();
    const leaving = new Cut();
    const one = resolver.resolve("localhost", leaving);
    const other = resolver.resolve("localhost", new Cut());
    leaving.make();
    await assert.rejects(one, { name: "NetError", kind: "aborted", message: "Cannot resolve 'localhost': given up" });
    assert.ok((await other).length > 0);
  });

  test("rejects who had left before, and a failure that nobody waits for is no fault", async () => {
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
