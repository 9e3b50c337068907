import assert from "node:assert/strict";
import { describe } from "node:test";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { bytes, hex, pattern } from "../../support/wire/bytes.ts";
import type { MemoryNet } from "../../support/memory/memory_net.ts";
import { Peer } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import {
  CLIENT4,
  GATEWAY4,
  GATEWAY6,
  relayTypes,
  replyHex,
  SERVER4,
  SERVER6,
  type World,
  type WorldOptions,
  worldTest,
} from "../../support/memory/world.ts";

const at = (family: 4 | 6) => ({ host: family === 4 ? SERVER4 : SERVER6, port: 20 });
const gatewayAt = (family: 4 | 6) => family === 4 ? GATEWAY4 : GATEWAY6;

/** The address of the first reply, which has to be a success. */
function bound(client: Peer): SocketAddr {
  const reply = decodeReply(client.heardBytes());
  assert.equal(reply?.value.reply, 0);
  return { host: reply.value.bound.host, port: reply.value.bound.port };
}

async function rendezvous(host: MemoryNet, addr: SocketAddr): Promise<Peer> {
  const peer = new Peer(await host.connect(addr));
  await settle();
  return peer;
}

for (const { type, client: clientFamily, server: serverFamily } of relayTypes) {
  describe(`BIND of type ${type} (IPv${clientFamily} client, IPv${serverFamily} peer)`, () => {
    for (const how of ["address", "name"] as const) {
      worldTest(
        `listens, sends the first reply, accepts the peer, sends the second reply and relays, by ${how}`,
        {},
        async (world) => {
          world.resolver.set("ftp.test", [at(serverFamily).host]);
          const host = how === "name" ? "ftp.test" : at(serverFamily).host;
          const client = await world.request(Command.Bind, { host, port: 20 }, { family: clientFamily });
          const addr = bound(client);
          assert.equal(addr.host, gatewayAt(serverFamily), "BND is on the side where the peer is");
          const peer = await rendezvous(world.servers[serverFamily], addr);
          assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
          await peer.send("'150 data'");
          await client.send("'ok'");
          assert.equal(client.heardText(), "150 data");
          assert.equal(peer.heardText(), "ok");
          await peer.finish();
          assert.equal(client.ended, "end");
          await client.finish();
          assert.equal(peer.ended, "end");
          const { relayType, remote, counts, end, reply } = world.record;
          assert.deepEqual({ relayType, remote, counts: { ...counts }, end, reply }, {
            relayType: type,
            remote: peer.socket.localAddr,
            counts: { up: 2, down: 8 },
            end: "end",
            reply: 0,
          });
        },
      );
    }

    worldTest("forwards a reset from the peer to the client", {}, async (world) => {
      const client = await world.request(Command.Bind, at(serverFamily), { family: clientFamily });
      const peer = await rendezvous(world.servers[serverFamily], bound(client));
      await peer.reset();
      assert.equal(client.ended, "reset");
      assert.equal(world.record.end, "reset");
    });
  });
}

describe("BIND", () => {
  worldTest(
    "listens before it sends the first reply (3proxy replied first, and the peer was refused)",
    {},
    async (world) => {
      const client = await world.client();
      await client.send("05 01 00");
      client.heard();
      let listening: readonly string[] | undefined;
      void client.socket.write(bytes("05 02 00 01 cb 00 71 50 00 14"));
      for (let turn = 0; turn < 1_000 && client.heard() === ""; turn++) {
        listening = world.net.open.filter((what) => what.startsWith("listener") && !what.endsWith(" 1080"));
        await Promise.resolve();
      }
      assert.equal(listening?.length, 1);
    },
  );

  worldTest("resets a peer other than DST.ADDR and continues to wait (others accepted it)", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    const addr = bound(client);
    const stranger = await rendezvous(world.internet.host("203.0.113.66"), addr);
    assert.equal(stranger.ended, "reset");
    assert.equal(client.heard(), "");
    const peer = await rendezvous(world.servers[4], addr);
    assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
    await peer.send("'x'");
    assert.equal(client.heardText(), "x");
  });

  worldTest("accepts one peer only", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    const addr = bound(client);
    await rendezvous(world.servers[4], addr);
    await assert.rejects(world.servers[4].connect(addr), { kind: "refused" });
  });

  worldTest("accepts a peer from any address of the name in DST", {}, async (world) => {
    world.resolver.set("ftp.test", [SERVER4, "203.0.113.81"]);
    const client = await world.request(Command.Bind, { host: "ftp.test", port: 20 });
    const peer = await rendezvous(world.internet.host("203.0.113.81"), bound(client));
    assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
  });

  for (const [what, host] of [["0.0.0.0", "0.0.0.0"], ["::", "::"]] as const) {
    worldTest(
      `with DST ${what} accepts any peer that the rules allow`,
      { gateway: [GATEWAY4, GATEWAY6] },
      async (world) => {
        const client = await world.request(Command.Bind, { host, port: 0 });
        const addr = bound(client);
        const six = what === "::";
        assert.equal(addr.host, six ? GATEWAY6 : GATEWAY4);
        const peer = await rendezvous(world.servers[six ? 6 : 4], addr);
        assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
        await client.finish();
        await peer.finish();
        assert.equal(world.record.relayType, six ? "B" : "A");
      },
    );

    worldTest(`with DST ${what} resets a peer that the rules deny`, {}, async (world) => {
      const client = await world.request(Command.Bind, { host, port: 0 });
      const addr = bound(client);
      const closed = world.internet.host(what === "::" ? "fe80::66" : "169.254.1.66");
      const stranger = await rendezvous(closed, addr);
      assert.equal(stranger.ended, "reset");
      assert.equal(client.heard(), "");
      assert.equal(world.records.length, 0);
    });
  }

  worldTest("for a client with a link-local address listens on the client's interface", {
    gateway: ["fe80::1"],
    allow: ["fe80::/10"],
  }, async (world) => {
    const host = world.internet.host("fe80::c");
    const client = new Peer(await host.connect({ host: "fe80::1", port: 1080 }));
    await client.send("05 01 00 05 02 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    const addr = decodeReply(client.heardBytes().slice(2))!.value.bound;
    assert.equal(addr.host, "fe80::1");
    const peer = await rendezvous(world.internet.host("fe80::d"), addr);
    assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
  });

  for (
    const [what, dst] of [
      ["loopback", "127.0.0.1"],
      ["loopback in IPv6", "::1"],
      ["link-local", "169.254.169.254"],
      ["the IPv4-mapped loopback as a name", "::ffff:127.0.0.1"],
    ] as const
  ) {
    worldTest(
      `answers 02 if DST is ${what}, and opens no listener (the rules apply to each command)`,
      {},
      async (world) => {
        const open = world.net.open.length;
        const client = await world.request(Command.Bind, { host: dst, port: 20 });
        assert.equal(client.heard(), replyHex(2));
        assert.equal(world.net.open.length, open + 1);
      },
    );
  }

  worldTest("answers 04 if the name does not exist", {}, async (world) => {
    const client = await world.request(Command.Bind, { host: "no.test", port: 20 });
    assert.equal(client.heard(), replyHex(4));
  });

  worldTest("answers 03 if the gateway has no address of the peer's family", { gateway: [GATEWAY4] }, async (world) => {
    const client = await world.request(Command.Bind, at(6));
    assert.equal(client.heard(), replyHex(3));
  });

  worldTest("answers 06 and closes if no peer connects within 180 s", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    const addr = bound(client);
    await world.clock.advance(179_999);
    assert.equal(client.heard(), "");
    await world.clock.advance(1);
    assert.equal(client.heard(), replyHex(6));
    assert.equal(client.ended, "end");
    await assert.rejects(world.servers[4].connect(addr), { kind: "refused" });
    await client.close();
    assert.equal(world.record.reply, 6);
    assert.equal(world.record.end, "refused");
  });

  worldTest("answers 01 if the accept fails", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    const { port } = bound(client);
    world.net.failAccept(port, "no-descriptors");
    await settle();
    assert.equal(client.heard(), replyHex(1));
    await client.close();
    assert.equal(world.record.end, "refused");
  });

  for (const how of ["close", "finish", "reset"] as const) {
    worldTest(`stops listening when the client disconnects by ${how}`, {}, async (world) => {
      const client = await world.request(Command.Bind, at(4));
      const addr = bound(client);
      await client[how]();
      assert.equal(world.record.end, "client-left");
      await assert.rejects(world.servers[4].connect(addr), { kind: "refused" });
    });
  }

  for (const how of ["close", "finish", "reset"] as const) {
    worldTest(`notices a client's disconnect by ${how} after early data`, {}, async (world) => {
      const client = await world.request(Command.Bind, at(4), { tail: bytes("'early'") });
      await client.send("'more'");
      await client.send("'and more'");
      await client[how]();
      assert.equal(world.record.end, "client-left");
    });
  }

  worldTest(`is cut by a drain while it waits, and its record has the end "drained"`, {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    bound(client);
    const drained = world.gateway.drain(5_000);
    await world.clock.advance(4_999);
    assert.equal(client.ended, "no");
    await world.clock.advance(1);
    await drained;
    assert.equal(client.ended, "end");
    assert.equal(world.record.end, "drained");
  });

  worldTest("is cut by a drain after the client has sent early data", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    await client.send("'early'");
    const drained = world.gateway.drain(1_000);
    await world.clock.advance(1_000);
    await drained;
    assert.equal(world.record.end, "drained");
  });

  worldTest("enables TCP keepalive for a silent client", {}, async (world) => {
    await world.request(Command.Bind, at(4));
    assert.deepEqual(world.net.sockets.map(({ keepAliveCount }) => keepAliveCount), [1]);
  });
});

describe("Early data of BIND", () => {
  worldTest("sent right after the request reaches the peer before later data", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4), { tail: bytes("'one '") });
    await client.send("'two '");
    const peer = await rendezvous(world.servers[4], bound(client));
    await client.send("'three'");
    assert.equal(peer.heardText(), "one two three");
    await client.finish();
    await peer.finish();
    assert.deepEqual(world.record.counts, { up: 13, down: 0 });
  });

  worldTest("over 64 KiB waits in the client's socket, and then reaches the peer completely", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    const addr = bound(client);
    const data = pattern(300_000);
    for (let i = 0; i < data.length; i += 10_000) await client.send(data.subarray(i, i + 10_000));
    assert.equal(client.sent, false);
    const peer = await rendezvous(world.servers[4], addr);
    assert.equal(client.sent, true);
    assert.equal(hex(peer.heardBytes()), hex(data));
  });

  worldTest("is not lost when FIN follows it as the peer connects", {}, async (world) => {
    const client = await world.request(Command.Bind, at(4));
    const addr = bound(client);
    const peer = new Peer(await world.servers[4].connect(addr));
    await client.socket.write(bytes("'all'"));
    await client.socket.closeWrite();
    await settle();
    assert.equal(peer.heardText(), "all");
    assert.equal(peer.ended, "end");
    await peer.finish();
    assert.equal(world.record.end, "end");
  });

  worldTest("sent between the two replies reaches the peer", {}, async (world) => {
    const client = await world.request(Command.Bind, at(6));
    await client.send("'early'");
    const peer = await rendezvous(world.servers[6], bound(client));
    assert.equal(peer.heardText(), "early");
  });
});

describe("The address that BIND announces", () => {
  const ports = { first: 40_000, last: 40_002 };
  const announce = { ipv4: "192.0.2.200", ipv6: "2001:db8::200" };

  for (const family of [4, 6] as const) {
    worldTest(
      `is the configured IPv${family} address (BND useless behind NAT)`,
      { settings: { announce } },
      async (world) => {
        const client = await world.request(Command.Bind, at(family));
        const addr = bound(client);
        assert.equal(addr.host, family === 4 ? announce.ipv4 : announce.ipv6);
        const peer = await rendezvous(world.servers[family], { host: gatewayAt(family), port: addr.port });
        assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
      },
    );
  }

  worldTest(
    "is the address towards the peer if the gateway has several addresses",
    towards("10.0.0.1", GATEWAY4),
    async (world) => {
      const inside = world.internet.host("10.0.0.5");
      const client = await world.request(Command.Bind, { host: "10.0.0.5", port: 20 });
      assert.equal(bound(client).host, "10.0.0.1");
      const other = await world.request(Command.Bind, at(4), { host: inside });
      assert.equal(bound(other).host, GATEWAY4);
    },
  );

  worldTest(
    "has a port of the configured range; the reply is 01 when all ports are in use",
    { settings: { ports } },
    async (world) => {
      const seen = new Set<number>();
      for (let i = 0; i < 3; i++) seen.add(bound(await world.request(Command.Bind, at(4))).port);
      assert.deepEqual([...seen].sort(), [40_000, 40_001, 40_002]);
      const client = await world.request(Command.Bind, at(4));
      assert.equal(client.heard(), replyHex(1));
    },
  );

  worldTest("has a port that is free again after the client disconnects", { settings: { ports } }, async (world) => {
    for (let i = 0; i < 10; i++) {
      const client = await world.request(Command.Bind, at(4));
      assert.ok(bound(client).port <= 40_002);
      await client.close();
    }
  });

  for (const host of ["0.0.0.0", "::", SERVER4, SERVER6]) {
    worldTest(`has the port of DST ${host} each time that this port is free (as in Dante)`, {}, async (world) => {
      for (let i = 0; i < 3; i++) {
        const client = await world.request(Command.Bind, { host, port: 4_000 });
        const addr = bound(client);
        assert.equal(addr.port, 4_000);
        const peer = await rendezvous(world.servers[host.includes(":") ? 6 : 4], addr);
        assert.equal(client.heard(), replyHex(0, peer.socket.localAddr));
        await peer.send("'x'");
        assert.equal(client.heardText(), "x");
      }
    });
  }

  worldTest("has another port if another BIND or the gateway uses the port of DST", {}, async (world) => {
    const clients = [];
    for (const port of [4_000, 4_000, 1_080]) {
      clients.push(await world.request(Command.Bind, { host: "0.0.0.0", port }));
    }
    const [one, two, three] = clients.map(bound);
    assert.equal(one!.port, 4_000);
    assert.ok(two!.port > 40_000 && three!.port > 40_000, "any that is free");
    for (const [i, addr] of [one!, two!].entries()) {
      const peer = await rendezvous(world.servers[4], addr);
      assert.equal(clients[i]!.heard(), replyHex(0, peer.socket.localAddr));
    }
  });

  worldTest("never has a port below 1024, for any port in DST", {}, async (world) => {
    for (const port of [1, 80, 1_023]) {
      assert.ok(bound(await world.request(Command.Bind, { host: "0.0.0.0", port })).port > 40_000);
    }
    assert.equal(bound(await world.request(Command.Bind, { host: "0.0.0.0", port: 1_024 })).port, 1_024);
  });

  worldTest(
    "never has a port outside the configured range, for any port in DST",
    { settings: { ports } },
    async (world) => {
      for (const [port, has] of [[40_001, 40_001], [40_003, 0], [39_999, 0], [40_002, 40_002]] as const) {
        const client = await world.request(Command.Bind, { host: "0.0.0.0", port });
        const { port: had } = bound(client);
        assert.ok(has ? had === has : had >= 40_000 && had <= 40_002, `${port} gave ${had}`);
        await client.close();
      }
    },
  );

  function towards(...gateway: readonly string[]): WorldOptions {
    return { gateway };
  }
});

describe("BIND with one address family only", () => {
  worldTest("answers 08 if DST is :: and the gateway has IPv4 only", { gateway: [GATEWAY4] }, async (world: World) => {
    const client = await world.request(Command.Bind, { host: "::", port: 0 });
    assert.equal(client.heard(), replyHex(8));
    await client.close();
    assert.equal(world.record.client.host, CLIENT4);
  });
});
