import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Nat64 } from "../../../src/gateway/dial/nat64_discovery.ts";
import { parseIp } from "../../../src/protocol/address.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { settle, TestClock } from "../../support/memory/test_clock.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { relayable, UdpPeer } from "../../support/memory/udp_peer.ts";
import {
  CLIENT6,
  GATEWAY4,
  GATEWAY6,
  replyHex,
  SERVER4,
  SERVER6,
  type World,
  worldTest,
} from "../../support/memory/world.ts";

const WEB4 = { host: SERVER4, port: 80 }; // 203.0.113.80 is cb00:7150
const KNOWN = "64:ff9b::cb00:7150", LOCAL = "2001:db8:64::cb00:7150", SHORT = "2001:db8:cb00:7150::";
const IPV6_ONLY = { gateway: [GATEWAY6] } as const;
const DUAL = { gateway: [GATEWAY4, GATEWAY6] } as const;

/** Where the gateway connected to for a request of an IPv6 client. */
async function dialled(world: World, host: string, port = 80): Promise<string | undefined> {
  world.net.dialled.length = 0;
  const client = await world.request(Command.Connect, { host, port }, { family: 6 });
  await settle();
  const [first] = world.net.dialled;
  await client.close();
  return first?.host;
}

describe("A gateway with IPv6 only, as a CLAT", () => {
  for (
    const [prefix, there] of [["64:ff9b::/96", KNOWN], ["2001:db8:64::/96", LOCAL], ["2001:db8::/32", SHORT]] as const
  ) {
    worldTest(
      `dials an IPv4 literal at its NAT64 address in ${prefix}`,
      { ...IPV6_ONLY, nat64: prefix },
      async (world) => {
        const box = world.internet.host(there);
        const server = await world.serve({ host: there, port: 80 }, { host: box });
        const client = await world.request(Command.Connect, WEB4, { family: 6 });
        assert.equal(client.heard(), replyHex(0, server.peer.socket.remoteAddr));
        await client.send("'hello'");
        assert.equal(server.peer.heard(), "68 65 6c 6c 6f");
        server.close();
        await client.close();
        await settle();
      },
    );
  }

  worldTest(
    "dials a name with IPv4 addresses only at its NAT64 address",
    { ...IPV6_ONLY, nat64: "64:ff9b::/96" },
    async (world) => {
      world.resolver.set("four.test", [SERVER4]);
      assert.equal(await dialled(world, "four.test"), KNOWN);
    },
  );

  worldTest(
    "dials the IPv6 address of a name with both families first",
    { ...IPV6_ONLY, nat64: "64:ff9b::/96" },
    async (world) => {
      world.resolver.set("dual.test", [SERVER6, SERVER4]);
      assert.equal(await dialled(world, "dual.test"), SERVER6);
    },
  );

  worldTest("translates a requested NAT64 address of 64:ff9b::/96 to the configured prefix", {
    ...IPV6_ONLY,
    nat64: "2001:db8:64::/96",
  }, async (world) => {
    assert.equal(await dialled(world, KNOWN), LOCAL);
  });

  worldTest("answers 03 without --nat64", IPV6_ONLY, async (world) => {
    const client = await world.request(Command.Connect, WEB4, { family: 6 });
    assert.equal(client.heard(), replyHex(3));
  });

  worldTest("keeps closed addresses closed", { ...IPV6_ONLY, nat64: "2001:db8:64::/96" }, async (world) => {
    for (const host of ["127.0.0.1", "169.254.169.254", "2001:db8:64::7f00:1", "64:ff9b::a9fe:a9fe"]) {
      assert.equal(await dialled(world, host), undefined, host);
    }
    assert.ok(world.records.every(({ reply }) => reply === 2));
  });
});

describe("A gateway with IPv4 and IPv6, in the place of a NAT64", () => {
  for (
    const [prefix, asked] of [
      ["64:ff9b::/96", KNOWN],
      ["2001:db8:64::/96", KNOWN],
      ["2001:db8:64::/96", LOCAL],
      ["2001:db8::/32", SHORT],
      ["auto", KNOWN],
    ] as const
  ) {
    worldTest(`dials ${asked} by IPv4 with --nat64 ${prefix}`, { ...DUAL, nat64: prefix }, async (world) => {
      assert.equal(await dialled(world, asked), SERVER4);
    });
  }

  worldTest("dials an IPv4 address by IPv4", { ...DUAL, nat64: "64:ff9b::/96" }, async (world) => {
    assert.equal(await dialled(world, SERVER4), SERVER4);
  });

  worldTest(
    "dials a name with a DNS64 address and the same IPv4 address only once",
    { ...DUAL, nat64: "64:ff9b::/96" },
    async (world) => {
      world.resolver.set("four.test", [KNOWN, SERVER4]);
      world.internet.route(SERVER4, { fault: "refused" });
      await dialled(world, "four.test");
      assert.deepEqual(world.net.dialled.map(({ host }) => host), [SERVER4]);
    },
  );

  worldTest("dials a NAT64 address unchanged without --nat64", DUAL, async (world) => {
    assert.equal(await dialled(world, KNOWN), KNOWN);
  });

  worldTest("applies rules for the IPv4 address and rules for the prefix", {
    ...DUAL,
    nat64: "2001:db8:64::/96",
    rules: [{ action: "deny", to: ["203.0.113.0/24"] }, { action: "deny", to: ["64:ff9b::/96"] }],
  }, async (world) => {
    for (const host of [SERVER4, KNOWN, LOCAL, "64:ff9b::c633:6401"]) {
      assert.equal(await dialled(world, host), undefined, host);
    }
    assert.equal(await dialled(world, "2001:db8:64::c633:6401"), "198.51.100.1");
  });
});

describe("--nat64 auto (RFC 7050)", () => {
  worldTest("finds the prefix by ipv4only.arpa, once", { ...IPV6_ONLY, nat64: "auto" }, async (world) => {
    world.resolver.set("ipv4only.arpa", ["192.0.0.170", "2001:db8:64::c000:aa", "2001:db8:64::c000:ab"]);
    assert.equal(await dialled(world, SERVER4), LOCAL);
    assert.equal(await dialled(world, SERVER4), LOCAL);
    assert.deepEqual(world.resolver.asked, ["ipv4only.arpa"]);
    assert.equal(String(world.nat64!.prefix), "2001:db8:64::/96");
  });

  worldTest("asks again after 30 s if the network had no prefix", { ...IPV6_ONLY, nat64: "auto" }, async (world) => {
    assert.equal(await dialled(world, SERVER4), SERVER4);
    await dialled(world, SERVER4);
    assert.equal(world.resolver.asked.length, 1);
    world.resolver.set("ipv4only.arpa", ["2001:db8:64::c000:aa"]);
    await world.clock.advance(30_000);
    assert.equal(await dialled(world, SERVER4), LOCAL);
  });

  worldTest("sends no DNS query if the gateway has an IPv4 route", { ...DUAL, nat64: "auto" }, async (world) => {
    await dialled(world, SERVER4);
    assert.deepEqual(world.resolver.asked, []);
  });
});

describe("An address in a discovered NAT64 prefix", () => {
  const options = { ...DUAL, nat64: "auto", rules: [{ action: "deny", to: ["203.0.113.0/24"] }] } as const;
  const found = ["2001:db8:64::c000:aa", "2001:db8:46::c000:ab"];

  worldTest("is judged as its embedded IPv4 address, in each discovered prefix", options, async (world) => {
    world.resolver.set("ipv4only.arpa", found);
    assert.equal(await dialled(world, LOCAL), undefined);
    assert.equal(await dialled(world, "2001:db8:46::cb00:7150"), undefined);
    assert.equal(await dialled(world, "2001:db8:47::cb00:7150"), "2001:db8:47::cb00:7150");
    assert.deepEqual(world.resolver.asked, ["ipv4only.arpa"]);
  });

  worldTest("waits for the first answer of the network, and is then judged", options, async (world) => {
    world.resolver.set("ipv4only.arpa", "silent");
    const client = await world.request(Command.Connect, { host: LOCAL, port: 80 }, { family: 6 });
    assert.equal(client.heard(), "");
    world.resolver.answer("ipv4only.arpa", found);
    await settle();
    assert.equal(client.heard(), replyHex(2));
    await client.close();
  });

  worldTest("is judged by the known prefix while the name servers fail later", options, async (world) => {
    world.resolver.set("ipv4only.arpa", found, "name-lookup-failed");
    assert.equal(await dialled(world, LOCAL), undefined);
    await world.clock.advance(600_000);
    assert.equal(await dialled(world, LOCAL), undefined);
    await settle();
    assert.equal(await dialled(world, LOCAL), undefined);
    assert.equal(world.resolver.asked.length, 2);
  });

  worldTest("is judged as an IPv6 address after the network answers that it has no prefix", options, async (world) => {
    world.resolver.set("ipv4only.arpa", found, "no-such-name");
    assert.equal(await dialled(world, LOCAL), undefined);
    await world.clock.advance(600_000);
    assert.equal(await dialled(world, LOCAL), undefined);
    await settle();
    assert.equal(await dialled(world, LOCAL), LOCAL);
  });

  worldTest("waits at most 5 s for the first answer, and only once", options, async (world) => {
    world.resolver.set("ipv4only.arpa", "silent");
    const client = await world.request(Command.Connect, { host: SERVER6, port: 80 }, { family: 6 });
    await settle();
    assert.deepEqual(world.net.dialled, []);
    await world.clock.advance(5_000);
    assert.equal(world.net.dialled.length, 1);
    await client.close();
    assert.equal(await dialled(world, SERVER6), SERVER6);
  });
});

describe("UDP", () => {
  for (
    const [what, gateway, asked, there] of [
      ["IPv4 literal over IPv6", [GATEWAY6], SERVER4, KNOWN],
      ["NAT64 address over IPv4", [GATEWAY4, GATEWAY6], KNOWN, SERVER4],
    ] as const
  ) {
    worldTest(`${what}: answers have the requested address as their source`, {
      gateway,
      nat64: "64:ff9b::/96",
      settings: { udpFilter: "address-dependent" },
    }, async (world) => {
      const host = world.internet.host(there === KNOWN ? KNOWN : "203.0.113.99");
      const on = there === KNOWN ? host : world.servers[4];
      const server = new UdpPeer(await on.bindUdp({ host: there, port: 53 }));
      const otherPort = new UdpPeer(await on.bindUdp({ host: there, port: 54 }));
      const control = await world.request(Command.UdpAssociate, { host: "::", port: 0 }, { family: 6 });
      const relay = decodeReply(control.heardBytes())!.value.bound;
      const client = new UdpPeer(await world.clients[6].bindUdp({ host: CLIENT6, port: 0 }));
      await client.sendAll(relay, [
        relayable({ host: asked, port: 53 }, "1"),
        relayable({ host: asked, port: 53 }, "2"),
      ]);
      await settle();
      const heard = server.heard();
      assert.deepEqual(heard.map(({ bytes }) => new TextDecoder().decode(bytes)), ["1", "2"]);
      const [, from, port] = /^\[?(.*?)\]?:(\d+)$/.exec(heard[0]!.from)!;
      await server.send({ host: from!, port: Number(port) }, "pong");
      await otherPort.send({ host: from!, port: Number(port) }, "other");
      const told = asked.includes(":") ? `[${asked}]` : asked;
      assert.deepEqual(client.relayed(), [`${told}:53 pong`, `${told}:54 other`]);
      await control.close();
    });
  }

  worldTest("keeps closed addresses closed", { ...DUAL, nat64: "2001:db8:64::/96" }, async (world) => {
    const control = await world.request(Command.UdpAssociate, { host: "::", port: 0 }, { family: 6 });
    const relay = decodeReply(control.heardBytes())!.value.bound;
    const client = new UdpPeer(await world.clients[6].bindUdp({ host: CLIENT6, port: 0 }));
    await client.send(relay, relayable({ host: "2001:db8:64::7f00:1", port: 53 }, "x"));
    await settle();
    await control.close();
    assert.deepEqual(world.record.dropped, { refused: 1 });
  });
});

describe("A prefix that a router announces (RFC 8781)", () => {
  const local = parsePrefix("2001:db8:64::/96")!;

  function announced(prefix: "auto" | "announced") {
    const asked: string[] = [], now = { announced: [local] };
    const resolve = (name: string) => {
      asked.push(name);
      return Promise.resolve(["64:ff9b::c000:aa"]);
    };
    const nat64 = new Nat64({
      net: { localAddrFor: (host) => Promise.resolve(host.includes(":") ? "::1" : undefined) },
      clock: new TestClock(),
      resolver: { resolve, first: () => assert.fail(), reverse: () => assert.fail() },
      prefix,
      announced: () => now.announced,
    });
    const way = async () => (await nat64.way({ type: 1, host: "203.0.113.80", port: 80 })).host;
    return { nat64, asked, now, way };
  }

  test("takes precedence over DNS, which is then not asked (RFC 9872 s3)", async () => {
    const { asked, now, nat64, way } = announced("auto");
    assert.equal(nat64.askedOnce(), undefined);
    assert.equal(await way(), LOCAL);
    assert.deepEqual(asked, []);
    now.announced = [];
    assert.equal(await way(), KNOWN, "where none is announced any more");
    assert.deepEqual(asked, ["ipv4only.arpa"]);
    now.announced = [local];
    assert.equal(await way(), LOCAL);
    assert.equal(String(nat64.prefix), String(local));
    for (const host of [KNOWN, LOCAL]) {
      assert.deepEqual([...nat64.meant(parseIp(host)!)!], [203, 0, 113, 80], "both are judged as what they mean");
    }
  });

  test("needs no IPv4 route lookup while no prefix is known", async () => {
    let looks = 0, answer: readonly string[] = [];
    const clock = new TestClock();
    const nat64 = new Nat64({
      net: { localAddrFor: (host) => (looks++, Promise.resolve(host.includes(":") ? "::1" : undefined)) },
      clock,
      resolver: { resolve: () => Promise.resolve(answer), first: () => assert.fail(), reverse: () => assert.fail() },
      prefix: "auto",
    });
    const way = async () => (await nat64.way({ type: 1, host: "203.0.113.80", port: 80 })).host;
    await nat64.askedOnce();
    assert.deepEqual([await way(), looks], ["203.0.113.80", 0]);
    answer = ["64:ff9b::c000:aa"];
    await clock.advance(30_000);
    assert.equal(await way(), KNOWN, "the network is asked again in time");
  });

  test("is the only source without --nat64", async () => {
    const { asked, nat64, now, way } = announced("announced");
    assert.equal(await way(), LOCAL);
    assert.ok(nat64.mayTranslate);
    now.announced = [];
    assert.ok(!nat64.mayTranslate, "no route is looked up for a dial");
    assert.equal(await way(), "203.0.113.80");
    assert.deepEqual(asked, []);
  });
});
