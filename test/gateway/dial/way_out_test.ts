import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { addressFor } from "../../../src/gateway/dial/prefix_address.ts";
import { Exits } from "../../../src/gateway/dial/exits.ts";
import { defaultSettings } from "../../../src/gateway/settings.ts";
import type { WayOut } from "../../../src/gateway/way_out.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { parseIp } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { parsePrefix, Prefix } from "../../../src/protocol/ip/prefix.ts";
import { Peer } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { relayable, UdpPeer } from "../../support/memory/udp_peer.ts";
import {
  CLIENT4,
  GATEWAY4,
  GATEWAY6,
  relayTypes,
  request,
  SERVER4,
  SERVER6,
  type World,
  worldTest,
} from "../../support/memory/world.ts";
import { credentials } from "../../support/wire/socks.ts";

const GATEWAY = [GATEWAY4, GATEWAY6, "192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8::7", "2001:db8::8"];
const PREFIX4 = "192.0.2.128/25", PREFIX6 = "2001:db8:1::/64";

function within(prefix: string, host: string): boolean {
  return parsePrefix(prefix)!.contains(parseIp(host)!);
}

/** The address that a server of that family sees a client's connection come from. */
async function seenAt(world: World, client: 4 | 6, server: 4 | 6): Promise<string> {
  const { client: peer, server: there } = await world.connected(client, server);
  const { host } = there.socket.remoteAddr;
  await peer.close();
  await there.close();
  return host;
}

describe("The outgoing address, device and mark", () => {
  const said = (level: string): WayOut => ({ ipv4: `192.0.2.${level}` });

  test("come from the rule, then the user, then the listener, then the global setting, each value separately", () => {
    const rule = { ipv4: "192.0.2.1", per: "user" } as const, user = { device: "eth1" };
    const listener = { ipv4: "192.0.2.3", mark: 3 }, all = { ipv4: "192.0.2.4", ipv6: "2001:db8::4" };
    const settings = { ...defaultSettings, outgoing: all, usersWaysOut: new Map([["ann", user]]) };
    const exits = new Exits({ settings, others: false, key: "" });
    const session = exits.of({ client: { host: CLIENT4 }, username: "ann" }, listener)!;
    const common = { freeBind: undefined, device: "eth1", mark: 3 };
    assert.deepEqual(session.pair(rule), {
      ipv4: { localAddr: "192.0.2.1", ...common },
      ipv6: { localAddr: "2001:db8::4", ...common },
    });
    assert.equal(session.pair(undefined).ipv4?.localAddr, "192.0.2.3");
    assert.equal(exits.of({ client: { host: CLIENT4 } }, undefined)!.pair(undefined).ipv4?.localAddr, "192.0.2.4");
  });

  test("come from the upstream first on connections to that upstream", () => {
    const exits = new Exits({ settings: defaultSettings, others: true, key: "" });
    const session = exits.of({ client: { host: CLIENT4 } }, said("3"))!;
    assert.equal(session.pair(said("1"), said("9")).ipv4?.localAddr, "192.0.2.9");
    assert.equal(session.pair(said("1")).ipv4?.localAddr, "192.0.2.1");
  });

  test("are undefined if no setting exists", () => {
    const exits = new Exits({ settings: defaultSettings, others: false, key: "" });
    assert.equal(exits.of({ client: { host: CLIENT4 }, username: "ann" }, undefined), undefined);
  });
});

describe("An outgoing address from a prefix", () => {
  const prefixes = fc.tuple(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.integer({ min: 1, max: 128 }),
    fc.boolean(),
  )
    .map(([octets, bits, six]) => {
      const size = six ? 16 : 4, length = Math.min(bits, 8 * size);
      const cut = octets.slice(0, size).map((octet, i) => octet & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))));
      return new Prefix(cut, length);
    }).filter((prefix) => parsePrefix(String(prefix)) !== undefined && !String(prefix).startsWith("::ffff"));

  test("is inside the prefix, and always the same for one user or client and one key", () => {
    fc.assert(fc.property(prefixes, fc.string(), (prefix, username) => {
      const client = { host: CLIENT4 };
      for (const per of ["session", "user", "client"] as const) {
        const host = addressFor({ text: String(prefix), per }, { client, username }, "key");
        assert.ok(prefix.contains(parseIp(host)!), `${host} of ${prefix}`);
        if (per === "session") continue;
        assert.equal(addressFor({ text: String(prefix), per }, { client, username }, "key"), host);
      }
    }));
  });

  test("is neither the network address nor the broadcast address", () => {
    const all = new Set(
      Array.from(
        { length: 400 },
        () => addressFor({ text: "192.0.2.8/30", per: "session" }, { client: { host: CLIENT4 } }, ""),
      ),
    );
    assert.deepEqual([...all].sort(), ["192.0.2.10", "192.0.2.9"]);
  });

  test("differs between users, clients and keys", () => {
    const of = (per: "user" | "client", username: string | undefined, host: string, key: string) =>
      addressFor({ text: PREFIX6, per }, { client: { host }, username }, key);
    const user = of("user", "ann", CLIENT4, "k");
    assert.equal(of("user", "ann", "198.51.100.11", "k"), user);
    assert.notEqual(of("user", "bob", CLIENT4, "k"), user);
    assert.notEqual(of("user", "ann", CLIENT4, "l"), user);
    const client = of("client", "ann", CLIENT4, "k");
    assert.equal(of("client", "bob", CLIENT4, "k"), client);
    assert.notEqual(of("client", "ann", "198.51.100.11", "k"), client);
    assert.equal(of("user", undefined, CLIENT4, "k"), client, "who has no name is known by the address");
  });
});

describe("CONNECT uses", () => {
  worldTest("the outgoing address of its rule, types A to D", {
    gateway: GATEWAY,
    settings: { outgoing: { ipv4: "192.0.2.7", ipv6: "2001:db8::7" } },
    rules: [{ action: "allow", to: [SERVER4, SERVER6], wayOut: { ipv4: "192.0.2.8", ipv6: "2001:db8::8" } }],
  }, async (world) => {
    for (const { client, server } of relayTypes) {
      assert.equal(await seenAt(world, client, server), server === 4 ? "192.0.2.8" : "2001:db8::8");
    }
  });

  worldTest("the global outgoing address if no rule has one", {
    gateway: GATEWAY,
    settings: { outgoing: { ipv4: "192.0.2.7" } },
    rules: [{ action: "allow", to: ["203.0.113.99"], wayOut: { ipv4: "192.0.2.8" } }],
  }, async (world) => {
    assert.equal(await seenAt(world, 6, 4), "192.0.2.7");
    assert.equal(await seenAt(world, 4, 6), GATEWAY6);
  });

  worldTest("a new address of the prefix for each session", {
    settings: { outgoing: { ipv4: PREFIX4, ipv6: PREFIX6 } },
  }, async (world) => {
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) seen.add(await seenAt(world, 4, 6));
    assert.equal(seen.size, 4);
    for (const host of seen) assert.ok(within(PREFIX6, host), host);
    assert.ok(within(PREFIX4, await seenAt(world, 4, 4)));
  });

  worldTest("the same address of the prefix for one client", {
    settings: { outgoing: { ipv6: PREFIX6 }, outgoingPer: "client" },
  }, async (world) => {
    const first = await seenAt(world, 4, 6);
    assert.equal(await seenAt(world, 4, 6), first);
    assert.notEqual(await seenAt(world, 6, 6), first);
  });

  worldTest("the user's outgoing address, mark and device", {
    gateway: GATEWAY,
    authenticator: { verify: () => Promise.resolve({ good: true }) },
    settings: { usersWaysOut: new Map([["ann", { ipv4: "192.0.2.9", mark: 46, device: "eth1" }]]) },
  }, async (world) => {
    const server = await world.serve({ host: SERVER4, port: 80 });
    const client = await world.client();
    await client.send("05 01 02");
    await client.send(credentials("ann", "pw"));
    client.heard();
    await client.send(request(Command.Connect, { host: SERVER4, port: 80 }));
    assert.equal(server.peer.socket.remoteAddr.host, "192.0.2.9");
    assert.deepEqual(world.net.exits.map(({ mark, device }) => ({ mark, device })), [{ mark: 46, device: "eth1" }]);
    await client.close();
    await server.peer.close();
    server.close();
  });

  worldTest("the outgoing address of its listener", { gateway: GATEWAY }, async (world) => {
    const addr = await world.gateway.listen({ host: GATEWAY4, port: 1081 }, { wayOut: { ipv4: "192.0.2.9" } });
    const server = await world.serve({ host: SERVER4, port: 80 });
    const client = new Peer(await world.clients[4].connect(addr));
    await client.send("05 01 00");
    client.heard();
    await client.send(request(Command.Connect, { host: SERVER4, port: 80 }));
    assert.equal(server.peer.socket.remoteAddr.host, "192.0.2.9");
    assert.equal(await seenAtOld(world), GATEWAY4);
    await client.close();
    await server.peer.close();
    server.close();
    assert.deepEqual(world.records.map(({ outgoing }) => outgoing), [undefined, "192.0.2.9"]);
  });

  worldTest(
    "the listener's outgoing address at accept time, which a reload may change",
    { gateway: GATEWAY },
    async (world) => {
      const at = { host: GATEWAY4, port: 1081 }, to = { host: SERVER4, port: 80 };
      await world.gateway.listen(at, { wayOut: { ipv4: "192.0.2.9" } });
      const server = await world.serve(to);
      const seen: string[] = [];
      for (const next of ["192.0.2.8", undefined]) {
        const client = new Peer(await world.clients[4].connect(at));
        await client.send("05 01 00");
        await client.send(request(Command.Connect, to));
        seen.push(server.peer.socket.remoteAddr.host);
        await client.close();
        await server.peer.close();
        const opening = world.gateway.opening();
        await opening.listen(at, { wayOut: next === undefined ? undefined : { ipv4: next } });
        opening.apply(world.context, () => {});
      }
      assert.deepEqual(seen, ["192.0.2.9", "192.0.2.8"]);
      server.close();
    },
  );

  worldTest("no other address if the configured one is gone", {
    settings: { outgoing: { ipv4: "192.0.2.99" } },
  }, async (world) => {
    const client = await world.request(Command.Connect, { host: SERVER4, port: 80 });
    assert.notEqual(client.heard().slice(0, 5), "05 00");
    await client.close();
  });
});

/** By the first listener. */
async function seenAtOld(world: World): Promise<string> {
  const server = await world.serve({ host: SERVER4, port: 81 });
  const client = await world.request(Command.Connect, { host: SERVER4, port: 81 });
  const { host } = server.peer.socket.remoteAddr;
  await client.close();
  await server.peer.close();
  server.close();
  return host;
}

/** HOST:PORT. */
function splitAddress(text: string): SocketAddr {
  const at = text.lastIndexOf(":");
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(text.slice(at + 1)) };
}

describe("UDP ASSOCIATE uses", () => {
  worldTest("the outgoing address of each destination's rule", {
    gateway: GATEWAY,
    settings: { outgoing: { ipv4: "192.0.2.7", ipv6: PREFIX6 } },
    rules: [{ action: "allow", ports: [[7, 7]], wayOut: { ipv4: "192.0.2.8" } }],
  }, async (world) => {
    const control = await world.request(Command.UdpAssociate, { host: "0.0.0.0", port: 0 });
    const relay = decodeReply(control.heardBytes())!.value.bound;
    const udp = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
    const seen: string[] = [];
    for (const [host, port] of [[SERVER4, 7], [SERVER4, 8], [SERVER6, 7], [SERVER6, 7]] as const) {
      const server = new UdpPeer(await world.servers[host === SERVER4 ? 4 : 6].bindUdp({ host, port }));
      await udp.send(relay, relayable({ host, port }, "ping"));
      await settle();
      const [heard] = server.heard();
      const from = splitAddress(heard!.from);
      seen.push(from.host);
      await server.send(from, "pong");
      await settle();
      assert.equal(udp.heard().length, 1, "the answer comes back");
      server.close();
    }
    assert.deepEqual(seen.slice(0, 2), ["192.0.2.8", "192.0.2.7"]);
    assert.ok(within(PREFIX6, seen[2]!), seen[2]);
    assert.equal(seen[3], seen[2], "an association has one address");
    udp.close();
    await control.close();
  });

  worldTest("at most 17 sockets, even if rules have more outgoing addresses", {
    gateway: GATEWAY,
    rules: Array.from({ length: 40 }, (_, i) => ({
      action: "allow" as const,
      ports: [[1_000 + i, 1_000 + i] as const],
      wayOut: { ipv4: "192.0.2.8", mark: i + 1 },
    })),
  }, async (world) => {
    const control = await world.request(Command.UdpAssociate, { host: "0.0.0.0", port: 0 });
    const relay = decodeReply(control.heardBytes())!.value.bound;
    const udp = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
    for (let port = 1_000; port < 1_040; port++) {
      await udp.send(relay, relayable({ host: SERVER4, port }, "x"));
    }
    await settle();
    assert.equal(world.net.exits.length, 40);
    assert.equal(world.net.udpSocketCount, 17, "the client's, and 16");
    udp.close();
    await control.close();
  });
});

worldTest("BIND listens on the outgoing address towards the peer", {
  gateway: GATEWAY,
  settings: { outgoing: { ipv4: "192.0.2.7" } },
}, async (world) => {
  const client = await world.request(Command.Bind, { host: SERVER4, port: 0 });
  assert.equal(decodeReply(client.heardBytes())?.value.bound.host, "192.0.2.7");
  await client.close();
});
