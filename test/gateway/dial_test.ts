import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cut } from "../../src/net/cut.ts";
import { dial, judgedAddresses } from "../../src/gateway/dial.ts";
import { Refusal } from "../../src/gateway/refusal.ts";
import { Ruleset } from "../../src/gateway/ruleset.ts";
import { NetError, type NetErrorKind } from "../../src/net/error.ts";
import type { Socket } from "../../src/net/socket.ts";
import { type Address, ipAddress, nameAddress } from "../../src/protocol/address.ts";
import { Command } from "../../src/protocol/codes.ts";
import { Internet, type MemoryNet } from "../support/memory_net.ts";
import { MemoryResolver } from "../support/memory_resolver.ts";
import { settle, TestClock } from "../support/test_clock.ts";

const NAME = nameAddress("server.test", 80);
const servers = ["203.0.113.1", "2001:db8:5::1", "203.0.113.2", "2001:db8:5::2"] as const;
const [A4, A6, B4, B6] = servers;

interface Outcome {
  socket?: Socket;
  error?: unknown;
  atMs?: number;
}

/** A dialler whose servers all listen, and what became of its last dial. */
class Dialling {
  readonly clock = new TestClock();
  readonly internet = new Internet(this.clock);
  readonly net: MemoryNet = this.internet.host("192.0.2.1", "2001:db8::1");
  readonly server: MemoryNet = this.internet.host(...servers);
  readonly resolver = new MemoryResolver();
  readonly cut = new Cut();
  readonly outcome: Outcome = {};
  readonly judge = new Ruleset({ allow: [], ownListeners: () => [], localAddrs: () => this.net.localAddrs() })
    .judgeFor({ client: { host: "198.51.100.10", port: 1024 }, command: Command.Connect });

  async start(destination: Address, addresses?: readonly string[], deadlineMs = 15_000): Promise<void> {
    for (const host of servers) await this.server.listen({ host, port: 80 });
    if (addresses) this.resolver.set(destination.host, addresses);
    const from = this.clock.now();
    dial(this, destination, deadlineMs, this.cut).then(
      (socket) => Object.assign(this.outcome, { socket, atMs: this.clock.now() - from }),
      (error) => Object.assign(this.outcome, { error, atMs: this.clock.now() - from }),
    );
    await settle();
  }

  get hosts(): readonly string[] {
    return this.net.dialled.map(({ host }) => host);
  }

  get errorKind(): NetErrorKind | undefined {
    return this.outcome.error instanceof NetError ? this.outcome.error.kind : undefined;
  }

  end(): void {
    this.outcome.socket?.close();
    this.net.assertNothingOpen();
    assert.equal(this.clock.pending, 0);
  }
}

function dialTest(name: string, body: (dialling: Dialling) => Promise<void>): void {
  test(name, async () => {
    const dialling = new Dialling();
    await body(dialling);
    dialling.end();
  });
}

describe("Happy eyeballs (RFC 8305)", () => {
  dialTest("starts the next attempt after 250 ms (Dante waits up to 30 s for each)", async (dialling) => {
    for (const host of servers) dialling.internet.route(host, { fault: "silent" });
    await dialling.start(NAME, [A4, A6, B4, B6]);
    assert.deepEqual(dialling.hosts, [A4]);
    await dialling.clock.advance(249);
    assert.deepEqual(dialling.hosts, [A4]);
    await dialling.clock.advance(1);
    assert.deepEqual(dialling.hosts, [A4, A6]);
    await dialling.clock.advance(500);
    assert.deepEqual(dialling.hosts, [A4, A6, B4, B6]);
    dialling.cut.make();
    await settle();
    assert.equal(dialling.errorKind, "aborted");
  });

  dialTest("does not cut a good slow attempt at 250 ms (node #54359)", async (dialling) => {
    dialling.internet.route(A4, { afterMs: 2_000 });
    dialling.internet.route(A6, { fault: "silent" });
    await dialling.start(NAME, [A4, A6]);
    await dialling.clock.advance(2_000);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A4);
    assert.equal(dialling.outcome.atMs, 2_000);
  });

  dialTest("takes the first that answers, though started later", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    dialling.internet.route(A6, { afterMs: 40 });
    await dialling.start(NAME, [A4, A6, B4]);
    await dialling.clock.advance(290);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A6);
    assert.deepEqual(dialling.hosts, [A4, A6]);
    await dialling.clock.advance(60_000);
    assert.deepEqual(dialling.hosts, [A4, A6]);
  });

  dialTest("does not wait for 250 ms behind an attempt that has failed", async (dialling) => {
    dialling.internet.route(A4, { fault: "refused" });
    await dialling.start(NAME, [A4, A6]);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A6);
    assert.equal(dialling.outcome.atMs, 0);
  });

  dialTest("gives the attempt after a failed one its own 250 ms", async (dialling) => {
    dialling.internet.route(A4, { fault: "refused", afterMs: 200 });
    dialling.internet.route(A6, { afterMs: 240 });
    await dialling.start(NAME, [A4, A6, B4]);
    await dialling.clock.advance(440);
    assert.deepEqual(dialling.hosts, [A4, A6]);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A6);
  });

  dialTest("calls the losers off", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    dialling.internet.route(A6, { afterMs: 50 });
    await dialling.start(NAME, [A4, A6]);
    await dialling.clock.advance(250);
    assert.equal(dialling.net.open.length, 2, "two attempts");
    await dialling.clock.advance(50);
    assert.deepEqual(dialling.net.open, [String(dialling.outcome.socket)]);
  });

  dialTest("closes a loser that connects all the same", async (dialling) => {
    const connect = dialling.net.connect.bind(dialling.net);
    dialling.net.connect = (addr) => connect(addr); // comes too late to be called off
    dialling.internet.route(A4, { afterMs: 310 });
    dialling.internet.route(A6, { afterMs: 50 });
    await dialling.start(NAME, [A4, A6]);
    await dialling.clock.advance(310);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A6);
    assert.equal(dialling.net.sockets.length, 2);
    assert.deepEqual(dialling.net.open, [String(dialling.outcome.socket)]);
  });

  dialTest("lets the families take turns, that of the first address leading", async (dialling) => {
    for (const host of servers) dialling.internet.route(host, { fault: "refused" });
    await dialling.start(NAME, [A6, B6, A4, B4]);
    assert.deepEqual(dialling.hosts, [A6, A4, B6, B4]);
  });

  dialTest("tries all addresses (3proxy and hev try the first only)", async (dialling) => {
    for (const host of [A4, A6, B4]) dialling.internet.route(host, { fault: "refused" });
    await dialling.start(NAME, [A4, A6, B4, B6]);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, B6);
  });

  for (
    const [faults, told] of [
      [["network-unreachable", "refused"], "refused"],
      [["refused", "network-unreachable"], "refused"],
      [["host-unreachable", "network-unreachable"], "host-unreachable"],
      [["network-unreachable", "timed-out"], "timed-out"],
      [["timed-out", "host-unreachable"], "host-unreachable"],
      [["timed-out", "permission-denied"], "permission-denied"],
      [["other", "family-not-supported"], "family-not-supported"],
      [["other", "address-not-available"], "other"],
    ] as const
  ) {
    dialTest(`tells '${told}' of ${faults.join(" and ")}, the most specific`, async (dialling) => {
      dialling.internet.route(A4, { fault: faults[0] });
      dialling.internet.route(A6, { fault: faults[1] });
      await dialling.start(NAME, [A4, A6]);
      assert.equal(dialling.errorKind, told);
    });
  }
});

describe("One deadline", () => {
  for (
    const [what, destination, addresses] of [
      ["one address", ipAddress(A4, 80)!, undefined],
      ["a name with several", NAME, [A4, A6, B4, B6]],
    ] as const
  ) {
    dialTest(`holds for ${what} that never answers`, async (dialling) => {
      for (const host of servers) dialling.internet.route(host, { fault: "silent" });
      await dialling.start(destination, addresses);
      await dialling.clock.advance(14_999);
      assert.equal(dialling.outcome.error, undefined);
      await dialling.clock.advance(1);
      assert.equal(dialling.errorKind, "timed-out");
      assert.equal(dialling.outcome.atMs, 15_000);
    });
  }

  dialTest("holds for resolving and connecting together", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    await dialling.start(NAME, undefined);
    dialling.outcome.error = undefined;
    const slow = new Dialling();
    slow.resolver.set("server.test", "silent");
    slow.internet.route(A4, { fault: "silent" });
    await slow.start(NAME);
    await slow.clock.advance(10_000);
    slow.resolver.answer("server.test", [A4]);
    await slow.clock.advance(4_999);
    assert.equal(slow.outcome.error, undefined);
    await slow.clock.advance(1);
    assert.equal(slow.errorKind, "timed-out");
    slow.end();
  });

  dialTest("holds for a name server that never answers", async (dialling) => {
    dialling.resolver.set("server.test", "silent");
    await dialling.start(NAME);
    await dialling.clock.advance(15_000);
    assert.equal(dialling.errorKind, "timed-out");
    assert.deepEqual(dialling.hosts, []);
  });
});

describe("A dial that is cut", () => {
  dialTest("stops at once, before the name is resolved", async (dialling) => {
    dialling.resolver.set("server.test", "silent");
    await dialling.start(NAME);
    dialling.cut.make();
    await settle();
    assert.equal(dialling.errorKind, "aborted");
  });

  dialTest("stops at once, while one address is tried", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    await dialling.start(ipAddress(A4, 80)!);
    dialling.cut.make();
    await settle();
    assert.equal(dialling.errorKind, "aborted");
  });

  dialTest("before it began does not begin", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    dialling.cut.make();
    await dialling.start(ipAddress(A4, 80)!);
    assert.equal(dialling.errorKind, "aborted");
  });

  dialTest("before it began does not begin a race either", async (dialling) => {
    for (const host of servers) dialling.internet.route(host, { fault: "silent" });
    dialling.cut.make();
    await dialling.start(NAME, [A4, A6]);
    assert.equal(dialling.errorKind, "aborted");
  });
});

describe("Only what was judged is dialled", () => {
  dialTest("a name with open and closed addresses goes to the open ones (DNS rebinding)", async (dialling) => {
    dialling.internet.route(A6, { fault: "refused" });
    await dialling.start(NAME, ["127.0.0.1", A6, "169.254.169.254", "::1"]);
    assert.deepEqual(dialling.hosts, [A6]);
    assert.equal(dialling.errorKind, "refused");
  });

  dialTest("a name with closed addresses only is refused (DNS rebinding)", async (dialling) => {
    await dialling.start(NAME, ["127.0.0.1", "64:ff9b::7f00:1"]);
    assert.deepEqual(dialling.hosts, []);
    assert.ok(dialling.outcome.error instanceof Refusal);
  });

  dialTest("a name is asked for once: a second answer cannot be dialled (DNS rebinding)", async (dialling) => {
    dialling.resolver.set("server.test", [A4], ["127.0.0.1"]);
    await dialling.start(NAME);
    assert.deepEqual(dialling.resolver.asked, ["server.test"]);
    assert.deepEqual(dialling.hosts, [A4]);
  });

  dialTest("an address is dialled as a canonical literal, never as a client's text", async (dialling) => {
    await dialling.start(nameAddress("[2001:DB8:5:0::1]", 80));
    assert.deepEqual(dialling.net.dialled, [{ host: A6, port: 80 }]);
    assert.deepEqual(dialling.resolver.asked, []);
  });

  test("judgedAddresses() rejects with the resolver's error where a name has no address", async () => {
    const dialling = new Dialling();
    await assert.rejects(judgedAddresses(dialling, NAME), { kind: "no-such-name" });
  });
});
