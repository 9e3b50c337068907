import assert from "node:assert/strict";
import { describe } from "node:test";
import { decodeReply } from "../../../src/protocol/request.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { Peer } from "../../support/memory/peer.ts";
import { spellings } from "../../support/wire/spellings.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { relayable, UdpPeer } from "../../support/memory/udp_peer.ts";
import { credentials, request as requestOf } from "../../support/wire/socks.ts";
import { CLIENT4, GATEWAY4, replyHex, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";

const DENIED = replyHex(Reply.NotAllowed);
const NAME = { host: "Www.Example.Org", port: 443 };

/** Nothing was dialled, and the log, unlike the client, knows which rule said no. */
function assertRefused(world: World, client: Peer, rule: string): void {
  assert.equal(client.heard(), DENIED);
  assert.deepEqual(world.net.dialled, []);
  assert.equal(world.records.at(-1)?.detail ?? "no session has ended", rule);
}

/** The client closes, so that its session ends. */
async function refused(world: World, client: Peer, rule: string): Promise<void> {
  await client.finish();
  assertRefused(world, client, rule);
}

describe("CONNECT", () => {
  worldTest("to a denied name is refused before the gateway resolves the name", {
    rules: [{ action: "deny", names: [".example.org"] }],
  }, async (world) => {
    const client = await world.request(Command.Connect, NAME);
    await refused(world, client, "rules[0]");
    assert.deepEqual(world.resolver.asked, []);
  });

  worldTest("is judged by the client's listener", {
    rules: [{ action: "deny", listeners: ["192.0.2.1:1081"] }],
  }, async (world) => {
    await world.gateway.listen({ host: GATEWAY4, port: 1081 });
    await world.serve({ host: SERVER4, port: 80 });
    const replyAt = async (port: number) => {
      const client = new Peer(await world.clients[4].connect({ host: GATEWAY4, port }));
      await client.send("05 01 00");
      await client.send(requestOf(Command.Connect, SERVER4, 80));
      const { reply } = decodeReply(client.heardBytes().subarray(2))!.value;
      await client.close();
      return reply;
    };
    assert.deepEqual([await replyAt(1080), await replyAt(1081)], [Reply.Succeeded, Reply.NotAllowed]);
    assert.equal(world.records.at(-1)?.detail, "rules[0]");
  });

  worldTest("dials only the allowed addresses of a name (DNS rebinding)", {
    rules: [{ action: "deny", to: ["203.0.113.0/24"] }, { action: "allow", names: ["*"] }],
  }, async (world) => {
    world.resolver.set("Www.Example.Org", [SERVER4, "10.0.0.1", "127.0.0.1", "::ffff:203.0.113.7", SERVER6]);
    await world.serve({ host: SERVER6, port: 443 });
    world.internet.route("10.0.0.1", { fault: "refused" });
    const client = await world.request(Command.Connect, NAME);
    assert.equal(client.heard().slice(0, 5), "05 00");
    assert.deepEqual(world.net.dialled.map(({ host }) => host), ["10.0.0.1", SERVER6]);
    await client.close();
  });

  worldTest("to an allowed name with closed addresses is refused (DNS rebinding)", {
    rules: [{ action: "allow", names: [".example.org"] }],
  }, async (world) => {
    world.resolver.set("Www.Example.Org", ["127.0.0.1", "::1", "64:ff9b::a9fe:a9fe"]);
    await refused(world, await world.request(Command.Connect, NAME), "loopback destination 127.0.0.1");
  });

  worldTest("to the address of a denied name is allowed: a name rule does not cover addresses", {
    rules: [{ action: "deny", names: ["*"] }],
  }, async (world) => {
    await world.connected(4, 4);
    assert.deepEqual(world.net.dialled.map(({ host }) => host), [SERVER4]);
  });

  const literals = [...spellings.map(([, spell]) => spell("10.1.2.3")), "[::ffff:10.1.2.3]", "[2002:0A01:0203::9]"];
  worldTest("to a denied address is refused in every spelling, also in a name field", {
    rules: [{ action: "deny", to: ["10.0.0.0/8"] }, { action: "allow" }],
  }, async (world) => {
    for (const text of literals) {
      for (const host of [text, text.toUpperCase()]) {
        // Whatever it is, it goes as a DOMAINNAME here.
        const octets = new TextEncoder().encode(host);
        const client = await world.client();
        await client.send("05 01 00");
        client.heard();
        await client.send(Uint8Array.of(5, Command.Connect, 0, 3, octets.length, ...octets, 1, 187));
        await refused(world, client, "rules[0]");
        const direct = await world.request(Command.Connect, { host: text.replace(/[[\]]/g, ""), port: 443 });
        await refused(world, direct, "rules[0]");
      }
    }
  });

  worldTest("is judged by the user", {
    rules: [{ action: "allow", users: ["ann"] }, { action: "deny" }],
    authenticator: { verify: () => Promise.resolve({ good: true }) },
  }, async (world) => {
    await world.serve({ host: SERVER4, port: 80 });
    for (const [user, reply] of [["bob", 2], ["ann", 0], ["Ann", 2]] as const) {
      const client = await world.client();
      await client.send("05 01 02");
      await client.send(credentials(user, "x"));
      client.heard();
      await client.send(requestOf(Command.Connect, SERVER4, 80));
      assert.equal(decodeReply(client.heardBytes())?.value.reply, reply, user);
      await client.close();
    }
    assert.equal(world.net.dialled.length, 1);
  });

  worldTest("begins with the family that its rule prefers", {
    rules: [{ action: "allow", names: ["www.example.org"], family: "prefer-ipv6" }],
  }, async (world) => {
    world.resolver.set("Www.Example.Org", [SERVER4, SERVER6]);
    for (const host of [SERVER4, SERVER6]) world.internet.route(host, { fault: "refused" });
    const client = await world.request(Command.Connect, NAME);
    assert.deepEqual(world.net.dialled.map(({ host }) => host), [SERVER6, SERVER4]);
    await client.close();
  });

  worldTest("does not use a family that its rule excludes", {
    rules: [{ action: "allow", family: "only-ipv4" }],
  }, async (world) => {
    world.resolver.set("Www.Example.Org", [SERVER6]);
    await refused(world, await world.request(Command.Connect, NAME), "rules[0]: only-ipv4");
  });

  worldTest("does not connect directly if the rule has an upstream", {
    rules: [{ action: "allow", via: ["socks5://192.0.2.9"] }],
  }, async (world) => {
    const client = await world.request(Command.Connect, { host: SERVER4, port: 80 });
    assert.equal(client.heard(), replyHex(Reply.GeneralFailure));
    assert.deepEqual(world.net.dialled, []);
    await client.close();
  });
});

describe("BIND", () => {
  const anyPeer = { host: "0.0.0.0", port: 0 };
  worldTest("that a command rule denies is refused before the gateway listens", {
    rules: [{ action: "deny", commands: [Command.Bind] }],
  }, async (world) => {
    await refused(world, await world.request(Command.Bind, anyPeer), "rules[0]");
  });

  worldTest("resets a denied peer, and waits for another peer", {
    rules: [{ action: "deny", to: [SERVER4] }],
  }, async (world) => {
    const client = await world.request(Command.Bind, anyPeer);
    const { host, port } = decodeReply(client.heardBytes())!.value.bound;
    const denied = new Peer(await world.servers[4].connect({ host, port }));
    await settle();
    assert.equal(denied.ended, "reset");
    assert.equal(client.heard(), "");
    const other = world.internet.host("203.0.113.99");
    const peer = new Peer(await other.connect({ host, port }));
    await settle();
    assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
    await peer.close();
    await client.close();
  });

  worldTest("judges its peer by the peer's real port", {
    rules: [{ action: "allow", ports: [[0, 1023]] }, { action: "deny" }],
  }, async (world) => {
    const client = await world.request(Command.Bind, { host: SERVER4, port: 20 });
    const { host, port } = decodeReply(client.heardBytes())!.value.bound;
    const peer = new Peer(await world.servers[4].connect({ host, port }));
    await settle();
    assert.ok(peer.socket.localAddr.port > 1_023);
    assert.equal(peer.ended, "reset");
    await client.close();
  });
});

describe("UDP ASSOCIATE", () => {
  worldTest("that a command rule denies is refused", {
    rules: [{ action: "deny", commands: [Command.UdpAssociate] }],
  }, async (world) => {
    await refused(world, await world.request(Command.UdpAssociate, { host: "0.0.0.0", port: 0 }), "rules[0]");
  });

  worldTest("drops only datagrams with a denied destination address, name or port", {
    rules: [
      { action: "deny", commands: [Command.UdpAssociate], names: [".ads.test"] },
      { action: "deny", to: ["10.0.0.0/8"] },
      { action: "deny", ports: [[9, 9]] },
    ],
  }, async (world) => {
    for (const name of ["x.ads.test", "good.test"]) world.resolver.set(name, [SERVER4]);
    world.resolver.set("rebound.test", ["10.0.0.1"]);
    const server = new UdpPeer(await world.servers[4].bindUdp({ host: SERVER4, port: 7 }));
    const control = await world.request(Command.UdpAssociate, { host: "0.0.0.0", port: 0 });
    const relay = decodeReply(control.heardBytes())!.value.bound;
    const client = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
    for (
      const [host, port] of [
        ["x.ads.test", 7],
        ["rebound.test", 7],
        ["10.0.0.1", 7],
        ["64:ff9b::a00:1", 7],
        [SERVER4, 9],
        ["good.test", 7],
        [SERVER4, 7],
      ] as const
    ) await client.send(relay, relayable({ host, port }, `to ${host}`));
    assert.deepEqual(server.heard().map(({ bytes }) => new TextDecoder().decode(bytes)), [
      "to good.test",
      `to ${SERVER4}`,
    ]);
    assert.deepEqual(world.resolver.asked, ["rebound.test", "good.test"]);
    client.close();
    server.close();
    await control.close();
    assert.deepEqual(world.record.dropped, { refused: 5 });
  });
});
