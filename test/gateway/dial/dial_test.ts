import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cut } from "../../../src/net/cut.ts";
import { dial } from "../../../src/gateway/dial/dial_race.ts";
import { SessionExits } from "../../../src/gateway/dial/exits.ts";
import { PathMemory, pathsMemory } from "../../../src/gateway/dial/path_memory.ts";
import { judgedAddresses } from "../../../src/gateway/dial/plan.ts";
import { Refusal } from "../../../src/gateway/rules/refusal.ts";
import type { FamilyChoice } from "../../../src/gateway/rules/rule.ts";
import { type Judge, Ruleset } from "../../../src/gateway/rules/ruleset.ts";
import { NetError, type NetErrorKind } from "../../../src/net/error.ts";
import type { Socket } from "../../../src/net/socket.ts";
import { type Address, ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { AddressType, Command } from "../../../src/protocol/codes.ts";
import { Internet, type MemoryNet } from "../../support/memory/memory_net.ts";
import { MemoryResolver } from "../../support/memory/memory_resolver.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";

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
  readonly net: MemoryNet = this.internet.host("192.0.2.1", "2001:db8::1", "192.0.2.7", "2001:db8::7");
  readonly server: MemoryNet = this.internet.host(...servers);
  readonly resolver = new MemoryResolver();
  readonly asker = { client: "198.51.100.10" };
  readonly cut = new Cut();
  readonly outcome: Outcome = {};
  readonly paths = new PathMemory(this.clock);
  exits: SessionExits | undefined;
  /** Of --prefer and --only. */
  family: FamilyChoice | undefined;
  /** Addresses that the ruleset was asked about. */
  readonly judged: string[] = [];
  #listening = false;

  get judge(): Judge {
    const { family } = this;
    const judge = new Ruleset({ allow: [], family, ownListeners: () => [], localAddrs: () => this.net.localAddrs() })
      .judgeFor({ client: { host: "198.51.100.10", port: 1024 }, command: Command.Connect });
    const address = judge.address.bind(judge);
    judge.address = (one, name) => {
      this.judged.push(one.host);
      return address(one, name);
    };
    return judge;
  }

  async start(destination: Address, addresses?: readonly string[], deadlineMs = 15_000): Promise<void> {
    if (!this.#listening) { for (const host of servers) await this.server.listen({ host, port: 80 }); }
    this.#listening = true;
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

  /** Forgets what became of the last dial. */
  again(): void {
    this.outcome.socket?.close();
    this.net.dialled.length = 0;
    delete this.outcome.socket;
    delete this.outcome.error;
    delete this.outcome.atMs;
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

  dialTest("tries at most 32 addresses of one destination, of both families", async (dialling) => {
    const four = Array.from({ length: 500 }, (_, i) => `198.18.${i >> 8}.${i & 255}`);
    const six = Array.from({ length: 500 }, (_, i) => `2001:db8:6::${i.toString(16)}`);
    dialling.resolver.all.set(NAME.host, Promise.resolve([...four, ...six]));
    await dialling.start(NAME, four);
    await dialling.clock.advance(15_000);
    assert.equal(dialling.hosts.length, 32);
    assert.ok(dialling.hosts.filter((host) => host.includes(":")).length >= 15);
    assert.equal(dialling.errorKind, "host-unreachable");
  });

  dialTest("does not stop a slow attempt at 250 ms (node #54359)", async (dialling) => {
    dialling.internet.route(A4, { afterMs: 2_000 });
    dialling.internet.route(A6, { fault: "silent" });
    await dialling.start(NAME, [A4, A6]);
    await dialling.clock.advance(2_000);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A4);
    assert.equal(dialling.outcome.atMs, 2_000);
  });

  dialTest("uses the first connection, even if its attempt started later", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    dialling.internet.route(A6, { afterMs: 40 });
    await dialling.start(NAME, [A4, A6, B4]);
    await dialling.clock.advance(290);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A6);
    assert.deepEqual(dialling.hosts, [A4, A6]);
    await dialling.clock.advance(60_000);
    assert.deepEqual(dialling.hosts, [A4, A6]);
  });

  dialTest("does not wait 250 ms after a failed attempt", async (dialling) => {
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

  dialTest("stops the other attempts after the first connection", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    dialling.internet.route(A6, { afterMs: 50 });
    await dialling.start(NAME, [A4, A6]);
    await dialling.clock.advance(250);
    assert.equal(dialling.net.open.length, 2, "two attempts");
    await dialling.clock.advance(50);
    assert.deepEqual(dialling.net.open, [String(dialling.outcome.socket)]);
  });

  dialTest("closes a late connection of another attempt", async (dialling) => {
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

  dialTest("alternates between the families, and begins with the family of the first address", async (dialling) => {
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
    dialTest(`reports '${told}', the most specific error of ${faults.join(" and ")}`, async (dialling) => {
      dialling.internet.route(A4, { fault: faults[0] });
      dialling.internet.route(A6, { fault: faults[1] });
      await dialling.start(NAME, [A4, A6]);
      assert.equal(dialling.errorKind, told);
    });
  }
});

describe("The dial deadline", () => {
  for (
    const [what, destination, addresses] of [
      ["one address", ipAddress(A4, 80)!, undefined],
      ["a name with several addresses", NAME, [A4, A6, B4, B6]],
    ] as const
  ) {
    dialTest(`limits the dial of ${what} that never answers`, async (dialling) => {
      for (const host of servers) dialling.internet.route(host, { fault: "silent" });
      await dialling.start(destination, addresses);
      await dialling.clock.advance(14_999);
      assert.equal(dialling.outcome.error, undefined);
      await dialling.clock.advance(1);
      assert.equal(dialling.errorKind, "timed-out");
      assert.equal(dialling.outcome.atMs, 15_000);
    });
  }

  dialTest("limits resolution and connection together", async (dialling) => {
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

  dialTest("limits the wait for a name server that never answers", async (dialling) => {
    dialling.resolver.set("server.test", "silent");
    await dialling.start(NAME);
    await dialling.clock.advance(15_000);
    assert.equal(dialling.errorKind, "timed-out");
    assert.deepEqual(dialling.hosts, []);
  });
});

describe("A cancelled dial", () => {
  dialTest("stops at once while the gateway resolves the name", async (dialling) => {
    dialling.resolver.set("server.test", "silent");
    await dialling.start(NAME);
    dialling.cut.make();
    await settle();
    assert.equal(dialling.errorKind, "aborted");
  });

  dialTest("stops at once while the gateway tries an address", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    await dialling.start(ipAddress(A4, 80)!);
    dialling.cut.make();
    await settle();
    assert.equal(dialling.errorKind, "aborted");
  });

  dialTest("does not begin if the cancellation comes first", async (dialling) => {
    dialling.internet.route(A4, { fault: "silent" });
    dialling.cut.make();
    await dialling.start(ipAddress(A4, 80)!);
    assert.equal(dialling.errorKind, "aborted");
  });

  dialTest("does not begin a race if the cancellation comes first", async (dialling) => {
    for (const host of servers) dialling.internet.route(host, { fault: "silent" });
    dialling.cut.make();
    await dialling.start(NAME, [A4, A6]);
    assert.equal(dialling.errorKind, "aborted");
  });
});

describe("The gateway dials only addresses that the rules allow", () => {
  dialTest(
    "it dials only the allowed addresses of a name with allowed and closed addresses (DNS rebinding)",
    async (dialling) => {
      dialling.internet.route(A6, { fault: "refused" });
      await dialling.start(NAME, ["127.0.0.1", A6, "169.254.169.254", "::1"]);
      assert.deepEqual(dialling.hosts, [A6]);
      assert.equal(dialling.errorKind, "refused");
    },
  );

  dialTest("it refuses a name with closed addresses only (DNS rebinding)", async (dialling) => {
    await dialling.start(NAME, ["127.0.0.1", "64:ff9b::7f00:1"]);
    assert.deepEqual(dialling.hosts, []);
    assert.ok(dialling.outcome.error instanceof Refusal);
  });

  dialTest(
    "it resolves a name once, so that a second answer cannot change the address (DNS rebinding)",
    async (dialling) => {
      dialling.resolver.set("server.test", [A4], ["127.0.0.1"]);
      await dialling.start(NAME);
      assert.deepEqual(dialling.resolver.asked, ["server.test"]);
      assert.deepEqual(dialling.hosts, [A4]);
    },
  );

  dialTest("it dials an address as a canonical literal, never as the client's text", async (dialling) => {
    await dialling.start(nameAddress("[2001:DB8:5:0::1]", 80));
    assert.deepEqual(dialling.net.dialled, [{ host: A6, port: 80 }]);
    assert.deepEqual(dialling.resolver.asked, []);
  });

  test("judgedAddresses() rejects with the resolver's error if a name has no address", async () => {
    const dialling = new Dialling();
    await assert.rejects(judgedAddresses(dialling, NAME), { kind: "no-such-name" });
  });
});

describe("The memory of recent failures", () => {
  dialTest("a broken family loses its head start after one failure, also for other destinations", async (dialling) => {
    dialling.internet.route(A6, { fault: "silent" });
    dialling.internet.route(B6, { fault: "silent" });
    await dialling.start(NAME, [A6, A4]);
    await dialling.clock.advance(250);
    assert.equal(dialling.outcome.atMs, 250);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A4);
    dialling.again();
    await dialling.start(nameAddress("other.test", 80), [B6, B4]);
    assert.equal(dialling.outcome.atMs, 0);
    assert.deepEqual(dialling.hosts, [B4]);
  });

  dialTest("lets a failed address go first again after a delay, which grows with each failure", async (dialling) => {
    dialling.internet.route(A6, { fault: "silent" });
    for (const waitMs of [0, 30_000, 60_000, 120_000]) {
      await dialling.clock.advance(waitMs - 500);
      if (waitMs > 0) {
        await dialling.start(NAME, [A6, A4]);
        assert.deepEqual(dialling.hosts, [A4], `before ${waitMs} ms are over`);
        dialling.again();
      }
      await dialling.clock.advance(500);
      await dialling.start(NAME, [A6, A4]);
      await dialling.clock.advance(250);
      assert.deepEqual(dialling.hosts, [A6, A4], `after ${waitMs} ms`);
      dialling.again();
    }
  });

  dialTest("holds a failed address only, if its family works", async (dialling) => {
    dialling.internet.route(A6, { fault: "silent" });
    await dialling.start(ipAddress(B6, 80)!);
    dialling.again();
    await dialling.start(NAME, [A6, A4]);
    await dialling.clock.advance(250);
    dialling.again();
    await dialling.start(nameAddress("other.test", 80), [B6, B4]);
    assert.deepEqual(dialling.hosts, [B6]);
    dialling.again();
    await dialling.start(NAME, [A6, A4]);
    assert.deepEqual(dialling.hosts, [A4]);
  });

  dialTest("holds the whole family if two addresses time out, even if it worked just before", async (dialling) => {
    await dialling.start(ipAddress(B6, 80)!);
    dialling.again();
    for (const host of [A6, B6]) dialling.internet.route(host, { fault: "silent" });
    for (const [i, [six, four]] of ([[A6, A4], [B6, B4]] as const).entries()) {
      await dialling.start(nameAddress(`n${i}.test`, 80), [six, four]);
      await dialling.clock.advance(250);
      assert.deepEqual(dialling.hosts, [six, four]);
      dialling.again();
    }
    await dialling.start(nameAddress("third.test", 80), ["2001:db8:5::3", A4]);
    assert.deepEqual(dialling.hosts, [A4]);
  });

  dialTest("forgets a failure at once after a successful connection", async (dialling) => {
    dialling.internet.route(A6, { fault: "network-unreachable" });
    await dialling.start(NAME, [A6, A4]);
    dialling.again();
    await dialling.start(ipAddress(B6, 80)!);
    dialling.again();
    await dialling.start(nameAddress("other.test", 80), [B6, B4]);
    assert.deepEqual(dialling.hosts, [B6]);
  });

  dialTest("does not count a refused connection as a broken path", async (dialling) => {
    dialling.internet.route(A6, { fault: "refused" });
    await dialling.start(NAME, [A6, A4]);
    dialling.again();
    await dialling.start(nameAddress("other.test", 80), [B6, B4]);
    assert.deepEqual(dialling.hosts, [B6]);
  });

  dialTest("does not stop an attempt if no other address exists", async (dialling) => {
    dialling.internet.route(A6, { fault: "network-unreachable" });
    await dialling.start(NAME, [A6]);
    dialling.again();
    dialling.internet.route(A6, {});
    await dialling.start(NAME, [A6]);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A6);
  });

  dialTest("is bounded: with more addresses, the entries that expire first are dropped first", async (dialling) => {
    const host = (i: number) => `10.${i >> 8}.${i & 255}.1`;
    for (let i = 0; i < 3_000; i++) dialling.paths.failed({ type: AddressType.IPv4, host: host(i) });
    await dialling.clock.advance(1);
    dialling.paths.failed({ type: AddressType.IPv4, host: A4 });
    const remembered = Array.from({ length: 3_000 }, (_, i) => host(i)).filter((host) => {
      const [first] = dialling.paths.order([ipAddress(host, 80)!, ipAddress(B4, 80)!]);
      return first!.host === B4;
    });
    assert.ok(remembered.length > 0 && remembered.length <= 1_024, `${remembered.length} are remembered`);
    assert.deepEqual(dialling.paths.order([ipAddress(A4, 80)!, ipAddress(B4, 80)!]).map(({ host }) => host), [B4, A4]);
  });

  test("is common to all threads that share it", () => {
    const clock = new TestClock();
    const memory = pathsMemory((size) => new SharedArrayBuffer(size));
    const [one, other, alone] = [new PathMemory(clock, memory), new PathMemory(clock, memory), new PathMemory(clock)];
    const first = (paths: PathMemory) => paths.order([A6, A4].map((host) => ipAddress(host, 80)!))[0]!.host;
    one.failed(ipAddress(A6, 80)!);
    assert.deepEqual([one, other, alone].map(first), [A4, A4, A6]);
    assert.deepEqual([one, other, alone].map((paths) => paths.isDown(AddressType.IPv6)), [true, true, false]);
    other.works(ipAddress(A6, 80)!);
    assert.deepEqual([one, other, alone].map(first), [A6, A6, A6]);
  });
});

describe("A and AAAA answers at different times (RFC 8305 s3)", () => {
  const later = (dialling: Dialling, name: string, hosts: readonly string[], ms: number) =>
    dialling.resolver.all.set(
      name,
      new Promise((resolve) => dialling.clock.after(ms, () => resolve(hosts))),
    );

  dialTest("an IPv6 address is dialled at once, and IPv4 addresses join later", async (dialling) => {
    dialling.internet.route(A6, { fault: "silent" });
    later(dialling, "server.test", [A6, A4], 100);
    await dialling.start(NAME, [A6]);
    assert.deepEqual(dialling.hosts, [A6]);
    await dialling.clock.advance(250);
    assert.deepEqual(dialling.hosts, [A6, A4]);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A4);
  });

  dialTest("an IPv4 address waits 50 ms for IPv6, and IPv6 then goes first", async (dialling) => {
    later(dialling, "server.test", [A6, A4], 40);
    await dialling.start(NAME, [A4]);
    assert.deepEqual(dialling.hosts, []);
    await dialling.clock.advance(40);
    assert.deepEqual(dialling.hosts, [A6]);
    assert.equal(dialling.outcome.atMs, 40);
  });

  dialTest("an IPv4 address is dialled alone after 50 ms", async (dialling) => {
    later(dialling, "server.test", [A6, A4], 4_000);
    await dialling.start(NAME, [A4]);
    await dialling.clock.advance(49);
    assert.deepEqual(dialling.hosts, []);
    await dialling.clock.advance(1);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A4);
    await dialling.clock.advance(4_000);
    assert.deepEqual(dialling.hosts, [A4]);
  });

  dialTest("an IPv4 address does not wait if IPv6 failed recently", async (dialling) => {
    dialling.paths.failed({ type: AddressType.IPv6, host: B6 });
    later(dialling, "server.test", [A6, A4], 4_000);
    await dialling.start(NAME, [A4]);
    assert.equal(dialling.outcome.atMs, 0);
    await dialling.clock.advance(4_000);
  });

  dialTest("late addresses are dialled after the first ones fail, and their failure counts", async (dialling) => {
    dialling.internet.route(A6, { fault: "host-unreachable" });
    dialling.internet.route(A4, { fault: "refused" });
    later(dialling, "server.test", [A6, A4], 1_000);
    await dialling.start(NAME, [A6]);
    await dialling.clock.advance(999);
    assert.equal(dialling.outcome.error, undefined);
    await dialling.clock.advance(1);
    assert.deepEqual(dialling.hosts, [A6, A4]);
    assert.equal(dialling.errorKind, "refused");
  });

  dialTest("the rules judge late addresses too (DNS rebinding)", async (dialling) => {
    dialling.internet.route(A6, { fault: "refused" });
    later(dialling, "server.test", [A6, "127.0.0.1"], 100);
    await dialling.start(NAME, [A6]);
    await dialling.clock.advance(100);
    assert.deepEqual(dialling.hosts, [A6]);
    assert.equal(dialling.errorKind, "refused");
  });

  dialTest("the rules judge each address once", async (dialling) => {
    dialling.internet.route(A6, { fault: "refused" });
    later(dialling, "server.test", [A6, A4], 100);
    await dialling.start(NAME, [A6]);
    await dialling.clock.advance(100);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A4);
    assert.deepEqual(dialling.judged, [A6, A4]);
  });

  dialTest("a dial whose first addresses are closed waits for the other answer", async (dialling) => {
    later(dialling, "server.test", ["::1", A4], 500);
    await dialling.start(NAME, ["::1"]);
    await dialling.clock.advance(500);
    assert.equal(dialling.outcome.socket?.remoteAddr.host, A4);
  });

  dialTest("the deadline limits a dial whose first addresses are closed", async (dialling) => {
    dialling.resolver.all.set("server.test", new Promise(() => {}));
    await dialling.start(NAME, ["::1"]);
    await dialling.clock.advance(15_000);
    assert.equal(dialling.errorKind, "timed-out");
  });

  dialTest("the deadline limits the wait for the other answer", async (dialling) => {
    dialling.internet.route(A6, { fault: "refused" });
    dialling.resolver.all.set("server.test", new Promise(() => {}));
    await dialling.start(NAME, [A6]);
    await dialling.clock.advance(15_000);
    assert.equal(dialling.errorKind, "timed-out");
  });
});

describe("--prefer, --only and --outgoing", () => {
  for (
    const [family, hosts] of [
      ["prefer-ipv4", [A4, A6]],
      ["prefer-ipv6", [A6, A4]],
      ["only-ipv4", [A4]],
      ["only-ipv6", [A6]],
    ] as const
  ) {
    dialTest(family, async (dialling) => {
      for (const host of [A4, A6]) dialling.internet.route(host, { fault: "refused" });
      dialling.family = family;
      await dialling.start(NAME, [A4, A6]);
      assert.deepEqual(dialling.hosts, hosts);
      dialling.again();
      await dialling.start(NAME, [A6, A4]);
      assert.deepEqual(dialling.hosts, hosts);
    });
  }

  dialTest("only-ipv4 refuses an IPv6 literal", async (dialling) => {
    dialling.family = "only-ipv4";
    await dialling.start(ipAddress(A6, 80)!);
    assert.ok(dialling.outcome.error instanceof Refusal);
    assert.deepEqual(dialling.hosts, []);
  });

  dialTest("each family has its own local address", async (dialling) => {
    dialling.exits = new SessionExits([{ ipv4: "192.0.2.7", ipv6: "2001:db8::7" }], { client: { host: "" } }, "");
    for (const [to, from] of [[A4, "192.0.2.7"], [A6, "2001:db8::7"]] as const) {
      await dialling.start(ipAddress(to, 80)!);
      assert.equal(dialling.outcome.socket?.localAddr.host, from);
      dialling.again();
    }
  });
});
