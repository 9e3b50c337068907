import assert from "node:assert/strict";
import { describe } from "node:test";
import { Command } from "../../../src/protocol/codes.ts";
import type { NetErrorKind } from "../../../src/net/error.ts";
import { bytes, hex, pattern } from "../../support/wire/bytes.ts";
import type { Peer } from "../../support/memory/peer.ts";
import {
  GATEWAY4,
  GATEWAY6,
  relayTypes,
  replyHex,
  SERVER4,
  SERVER6,
  type World,
  worldTest,
} from "../../support/memory/world.ts";

const at = (family: 4 | 6) => ({ host: family === 4 ? SERVER4 : SERVER6, port: 80 });

for (const { type, client: clientFamily, server: serverFamily } of relayTypes) {
  describe(`CONNECT of type ${type} (IPv${clientFamily} to IPv${serverFamily})`, () => {
    for (const how of ["address", "name"] as const) {
      worldTest(`relays by ${how} and replies with the real BND address`, {}, async (world) => {
        world.resolver.set("server.test", [at(serverFamily).host]);
        const listener = await world.serve(at(serverFamily));
        const host = how === "name" ? "server.test" : at(serverFamily).host;
        const client = await world.request(Command.Connect, { host, port: 80 }, { family: clientFamily });
        const server = listener.peer;
        const gateway = server.socket.remoteAddr;
        assert.equal(gateway.host, serverFamily === 4 ? GATEWAY4 : GATEWAY6);
        assert.equal(client.heard(), replyHex(0, gateway));
        await client.send("'up'");
        await server.send("'down'");
        assert.equal(server.heardText(), "up");
        assert.equal(client.heardText(), "down");
        await client.finish();
        await server.finish();
        assert.equal(world.record.relayType, type);
        assert.deepEqual(world.record.remote, at(serverFamily));
        assert.deepEqual(world.record.counts, { up: 2, down: 4 });
        assert.equal(world.record.end, "end");
        assert.equal(world.record.destination?.host, host);
        listener.close();
      });
    }

    worldTest("forwards a half-close by the client (microsocks closes both directions)", {}, async (world) => {
      const { client, server } = await world.connected(clientFamily, serverFamily);
      await client.send("'question'");
      await client.finish();
      assert.equal(server.heardText(), "question");
      assert.equal(server.ended, "end");
      assert.equal(client.ended, "no");
      await server.send("'answer'");
      assert.equal(client.heardText(), "answer");
      await server.finish();
      assert.equal(client.ended, "end");
      assert.equal(world.record.end, "end");
    });

    worldTest("forwards a half-close by the server (microsocks closes both directions)", {}, async (world) => {
      const { client, server } = await world.connected(clientFamily, serverFamily);
      await server.send("'banner'");
      await server.finish();
      assert.equal(client.heardText(), "banner");
      assert.equal(client.ended, "end");
      await client.send("'late'");
      assert.equal(server.heardText(), "late");
      await client.finish();
      assert.equal(server.ended, "end");
      assert.equal(world.record.end, "end");
    });

    for (const who of ["client", "server"] as const) {
      worldTest(`forwards a reset by the ${who} as a reset (3proxy #1263)`, {}, async (world) => {
        const peers = await world.connected(clientFamily, serverFamily);
        await peers[who].reset();
        assert.equal(peers[who === "client" ? "server" : "client"].ended, "reset");
        assert.equal(world.record.end, "reset");
        assert.equal(world.record.reply, 0);
      });
    }
  });
}

describe("The reply to CONNECT", () => {
  const causes: readonly (readonly [NetErrorKind, number])[] = [
    ["other", 1],
    ["reset", 1],
    ["no-descriptors", 1],
    ["address-not-available", 1],
    ["permission-denied", 2],
    ["network-unreachable", 3],
    ["host-unreachable", 4],
    ["refused", 5],
    ["timed-out", 6],
    ["family-not-supported", 8],
  ];
  for (const [fault, reply] of causes) {
    worldTest(`is 0${reply} for the network error ${fault}`, {}, async (world) => {
      world.internet.route(SERVER4, { fault });
      const client = await world.request(Command.Connect, at(4));
      assert.equal(client.heard(), replyHex(reply));
      assert.equal(client.ended, "end");
      await client.close();
      assert.equal(world.record.reply, reply);
      assert.equal(world.record.end, "refused");
      assert.equal(world.record.relayType, undefined);
    });
  }

  for (
    const [answer, reply] of [["no-such-name", 4], ["name-lookup-failed", 4]] as const
  ) {
    worldTest(`is 0${reply} for the resolver error ${answer}`, {}, async (world) => {
      world.resolver.set("gone.test", answer);
      const client = await world.request(Command.Connect, { host: "gone.test", port: 80 });
      assert.equal(client.heard(), replyHex(reply));
      await client.close();
      assert.equal(world.record.dialMs, 0);
    });
  }

  worldTest("is 02 if the rules deny the destination, and the gateway does not dial", {}, async (world) => {
    const client = await world.request(Command.Connect, { host: "127.0.0.1", port: 80 });
    assert.equal(client.heard(), replyHex(2));
    assert.deepEqual(world.net.dialled, []);
    await client.close();
    assert.equal(world.record.detail, "loopback destination 127.0.0.1");
  });

  worldTest(
    "is 03 if the gateway has no address of the destination's family",
    { gateway: [GATEWAY4] },
    async (world) => {
      const client = await world.request(Command.Connect, at(6));
      assert.equal(client.heard(), replyHex(3));
    },
  );

  worldTest("is sent only after the dial ends (Xray and mihomo reply with success first)", {}, async (world) => {
    world.internet.route(SERVER4, { afterMs: 5_000 });
    const listener = await world.serve(at(4));
    const client = await world.request(Command.Connect, at(4));
    await world.clock.advance(4_999);
    assert.equal(client.heard(), "");
    assert.equal(world.records.length, 0);
    await world.clock.advance(1);
    assert.equal(client.heard(), replyHex(0, listener.peer.socket.remoteAddr));
    await client.finish();
    await listener.peer.finish();
    assert.equal(world.record.dialMs, 5_000);
    listener.close();
  });

  worldTest("never carries an IPv4-mapped address (gost)", { gateway: [GATEWAY4] }, async (world) => {
    const listener = await world.serve(at(4));
    const client = await world.client();
    await client.send("05 01 00 05 01 00 04 00 00 00 00 00 00 00 00 00 00 ff ff cb 00 71 50 00 50");
    const [, , , , , atyp] = client.heardBytes();
    assert.equal(atyp, 1);
    await client.finish();
    await listener.peer.finish();
    assert.equal(world.record.relayType, "A");
    listener.close();
  });
});

describe("Early data of CONNECT", () => {
  worldTest("reaches the destination before later data", {}, async (world) => {
    const listener = await world.serve(at(4));
    const client = await world.request(Command.Connect, at(4), { tail: bytes("'GET '") });
    await client.send("'/'");
    assert.equal(listener.peer.heardText(), "GET /");
    await client.finish();
    await listener.peer.finish();
    assert.deepEqual(world.record.counts, { up: 5, down: 0 });
    listener.close();
  });

  worldTest("that arrives while the gateway dials stays in order", {}, async (world) => {
    world.internet.route(SERVER4, { afterMs: 1_000 });
    const listener = await world.serve(at(4));
    const client = await world.request(Command.Connect, at(4), { tail: bytes("'1'") });
    await client.send("'2'");
    await client.finish();
    await world.clock.advance(1_000);
    assert.equal(listener.peer.heardText(), "12");
    assert.equal(listener.peer.ended, "end");
    await listener.peer.finish();
    assert.equal(world.record.end, "end");
    listener.close();
  });

  worldTest("waits until the destination reads it", { pipeSize: 512 }, async (world) => {
    const listener = await world.serve(at(4), { paused: true });
    const data = pattern(5_000);
    await world.request(Command.Connect, at(4), { tail: data });
    await listener.peer.resume();
    assert.equal(hex(listener.peer.heardBytes()), hex(data));
    listener.close();
  });

  worldTest("resets the client if the destination resets it", { pipeSize: 512 }, async (world) => {
    const listener = await world.serve(at(4), { paused: true });
    const client = await world.request(Command.Connect, at(4), { tail: pattern(600) });
    await listener.peer.reset();
    assert.equal(client.ended, "reset");
    assert.equal(world.record.end, "reset");
    listener.close();
  });

  worldTest(
    "that the destination never reads ends the session by the idle timeout",
    { pipeSize: 512 },
    async (world) => {
      const listener = await world.serve(at(4), { paused: true });
      const client = await world.request(Command.Connect, at(4), { tail: pattern(600) });
      await world.clock.advance(15 * 60_000);
      assert.equal(world.record.end, "idle");
      assert.notEqual(client.ended, "no");
      listener.close();
    },
  );

  worldTest("does not delay data from the destination", { pipeSize: 512 }, async (world) => {
    const listener = await world.serve(at(4), { paused: true });
    const client = await world.request(Command.Connect, at(4), { tail: pattern(600) });
    client.heard();
    await listener.peer.send("'banner'");
    assert.equal(client.heardText(), "banner");
    listener.close();
  });
});

describe("A CONNECT relay", () => {
  worldTest("slows a fast writer down to the speed of the reader", { pipeSize: 1_000 }, async (world) => {
    const listener = await world.serve(at(4), { paused: true });
    const client = await world.request(Command.Connect, at(4));
    client.heard();
    const data = pattern(200_000);
    await client.send(data);
    assert.equal(client.sent, false);
    await listener.peer.resume();
    assert.equal(client.sent, true);
    assert.equal(hex(listener.peer.heardBytes()), hex(data));
    listener.close();
  });

  worldTest(
    "ends after the idle timeout, which traffic in either direction restarts",
    { settings: { idleMs: 10_000 } },
    async (world) => {
      const { client, server } = await world.connected(4, 6);
      await world.clock.advance(9_000);
      await client.send("'a'");
      await world.clock.advance(9_000);
      await server.send("'b'");
      await world.clock.advance(9_999);
      assert.equal(world.records.length, 0);
      await world.clock.advance(1);
      assert.equal(world.record.end, "idle");
      assert.deepEqual([client.ended, server.ended], ["end", "end"]);
    },
  );

  worldTest(
    "ends after the idle timeout when it is half-closed too",
    { settings: { idleMs: 10_000 } },
    async (world) => {
      const { client, server } = await world.connected(4, 4);
      await client.finish();
      await world.clock.advance(10_000);
      assert.equal(world.record.end, "idle");
      assert.equal(server.ended, "end");
    },
  );

  worldTest(
    "enables TCP keepalive for both peers when it is silent for 60 s (CLOSE_WAIT leaks, redsocks)",
    {},
    async (world) => {
      await world.connected(4, 4);
      const probes = () => world.net.sockets.map(({ keepAliveCount }) => keepAliveCount);
      await world.clock.advance(59_000);
      assert.deepEqual(probes(), [0, 0]);
      await world.clock.advance(1_000);
      assert.deepEqual(probes(), [1, 1]);
      await world.clock.advance(10 * 60_000);
      assert.deepEqual(probes(), [1, 1]);
    },
  );

  worldTest("counts bytes while it runs", {}, async (world) => {
    const { client, server } = await world.connected(6, 4);
    await client.send(pattern(1_000));
    await server.send(pattern(30));
    const opened = world.events.find((event) => event.type === "session-opened");
    assert.deepEqual(opened?.type === "session-opened" && opened.session.counts, { up: 1_000, down: 30 });
  });

  worldTest("does not affect other relays when it is reset", {}, async (world) => {
    const pairs: { client: Peer; server: Peer }[] = [];
    for (let i = 0; i < 3; i++) pairs.push(await world.connected(4, 4));
    await pairs[1]!.client.reset();
    await pairs[0]!.client.send("'x'");
    await pairs[2]!.server.send("'y'");
    assert.equal(pairs[0]!.server.heardText(), "x");
    assert.equal(pairs[2]!.client.heardText(), "y");
  });
});

describe("A client that disconnects while the gateway dials", () => {
  const dialling = async (world: World, tail: Uint8Array = new Uint8Array(0)) => {
    world.internet.route(SERVER4, { afterMs: 3_000 });
    const listener = await world.serve(at(4));
    const client = await world.request(Command.Connect, at(4), { tail });
    return { listener, client };
  };

  worldTest("by FIN after early data has only half-closed: the relay starts and ends normally", {}, async (world) => {
    const { listener, client } = await dialling(world, bytes("'early'"));
    await client.finish();
    await world.clock.advance(3_000);
    assert.equal(listener.peer.heardText(), "early");
    assert.equal(listener.peer.ended, "end");
    await listener.peer.send("'answer'");
    await listener.peer.finish();
    assert.ok(client.heardText().endsWith("answer"));
    assert.equal(world.record.end, "end");
    listener.close();
  });

  worldTest("by FIN after data that arrived after the request has only half-closed too", {}, async (world) => {
    const { listener, client } = await dialling(world);
    await client.send("'late'");
    await client.finish();
    await world.clock.advance(3_000);
    assert.equal(listener.peer.heardText(), "late");
    assert.equal(world.gateway.sessionCount, 1);
    await listener.peer.finish();
    listener.close();
  });

  for (const how of ["finish", "close", "reset"] as const) {
    worldTest(`by ${how} is noticed at once, and the dial stops`, {}, async (world) => {
      const { listener, client } = await dialling(world);
      await client[how]();
      assert.equal(world.record.end, "client-left");
      assert.equal(world.record.reply, undefined);
      await world.clock.advance(3_000);
      assert.equal(listener.peers.length, 0);
      listener.close();
    });
  }

  worldTest("by a reset is noticed at once, also after early data", {}, async (world) => {
    const { listener, client } = await dialling(world, bytes("'early'"));
    await client.reset();
    assert.equal(world.record.end, "client-left");
    listener.close();
  });

  worldTest("is noticed while the gateway resolves the name", {}, async (world) => {
    world.resolver.set("dead.example", "silent");
    for (const command of [Command.Connect, Command.Bind]) {
      const client = await world.request(command, { host: "dead.example", port: 80 });
      assert.equal(world.gateway.sessionCount, 1);
      await client.close();
      assert.equal(world.gateway.sessionCount, 0);
      assert.equal(world.records.at(-1)!.end, "client-left");
    }
  });
});
