import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Forward } from "../../../src/gateway/settings.ts";
import { MAX_FLOWS_OF_CLIENT } from "../../../src/gateway/udp/flows/datagram_listener.ts";
import { ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import type { MemoryNet } from "../../support/memory/memory_net.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { UdpPeer } from "../../support/memory/udp_peer.ts";
import { GATEWAY4, GATEWAY6, relayTypes, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";

const PORT = 5353, IDLE_MS = 60_000;

async function open(world: World, to: string, more: Partial<Forward> = {}): Promise<void> {
  const only = { to: ipAddress(to, 53) ?? nameAddress(to, 53), udp: true, ...more } as const;
  await world.gateway.listen({ host: "::", port: PORT }, { only });
}

async function client(world: World, family: 4 | 6 = 4): Promise<UdpPeer> {
  const host = world.clients[family];
  return new UdpPeer(await host.bindUdp({ host: host.addrs[0]!, port: 0 }));
}

async function server(host: MemoryNet): Promise<UdpPeer> {
  return new UdpPeer(await host.bindUdp({ host: host.addrs[0]!, port: 53 }));
}

const gate4 = { host: GATEWAY4, port: PORT }, gate6 = { host: GATEWAY6, port: PORT };

/** Where what a server heard came from. */
function sources(server: UdpPeer): readonly { readonly host: string; readonly port: number }[] {
  return server.heard().map(({ from }) => {
    const [, host, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(from)!;
    return { host: host!, port: Number(port) };
  });
}

for (const { type, client: from, server: to } of relayTypes) {
  worldTest(
    `A UDP forward of type ${type}: answers have the address that the client sent to as their source`,
    {},
    async (world) => {
      world.resolver.set("dns.test", [to === 4 ? SERVER4 : SERVER6]);
      await open(world, "dns.test");
      const asker = await client(world, from), answerer = await server(world.servers[to]);
      const gate = from === 4 ? gate4 : gate6;
      await asker.sendAll(gate, ["one", "", "three"]);
      await settle();
      const heard = sources(answerer);
      assert.equal(heard.length, 3);
      await answerer.send(heard[0]!, "answer");
      await settle();
      assert.deepEqual(asker.heardText(), [`${from === 4 ? GATEWAY4 : `[${GATEWAY6}]`}:${PORT} answer`]);
      await world.clock.advance(IDLE_MS + 1);
      const { protocol, command, relayType, end, reply, counts, datagrams } = world.record;
      assert.deepEqual({ protocol, command, relayType, end, reply, counts, datagrams }, {
        protocol: "forward",
        command: Command.Forward,
        relayType: type,
        end: "idle",
        reply: 0,
        counts: { up: 8, down: 6 },
        datagrams: { up: 3, down: 1 },
      });
    },
  );
}

describe("A UDP forward", () => {
  worldTest("has a flow with its own socket for each port of a client", {}, async (world) => {
    await open(world, SERVER4);
    const answerer = await server(world.servers[4]), askers = [await client(world), await client(world)];
    for (const asker of askers) await asker.send(gate4, "ask");
    await settle();
    const [first, second] = sources(answerer);
    assert.notEqual(first!.port, second!.port);
    await answerer.send(second!, "to the second");
    await settle();
    assert.deepEqual(askers.map((asker) => asker.heardText().length), [0, 1]);
    const stranger = new UdpPeer(await world.servers[6].bindUdp({ host: SERVER6, port: 53 }));
    const other = new UdpPeer(await world.servers[4].bindUdp({ host: SERVER4, port: 54 }));
    await other.send(first!, "unasked");
    await settle();
    assert.deepEqual(askers[0]!.heardText(), []);
    stranger.close();
  });

  worldTest("keeps a flow until its idle timeout, which datagrams in either direction restart", {}, async (world) => {
    await open(world, SERVER4, { idleMs: 10_000 });
    const answerer = await server(world.servers[4]), asker = await client(world);
    await asker.send(gate4, "ask");
    await settle();
    const [flow] = sources(answerer);
    for (let i = 0; i < 4; i++) {
      await world.clock.advance(8_000);
      await answerer.send(flow!, "more");
      await settle();
    }
    assert.equal(asker.heardText().length, 4);
    assert.equal(world.gateway.sessionCount, 1);
    await world.clock.advance(10_001);
    assert.equal(world.gateway.sessionCount, 0);
  });

  worldTest("limits the flows of a client, and keeps the most recently used", {}, async (world) => {
    await open(world, SERVER4);
    const answerer = await server(world.servers[4]);
    const first = await client(world);
    await first.send(gate4, "first");
    for (let i = 0; i < MAX_FLOWS_OF_CLIENT; i++) await (await client(world)).send(gate4, "more");
    await settle();
    assert.equal(world.gateway.sessionCount, MAX_FLOWS_OF_CLIENT);
    const [flow] = sources(answerer);
    await answerer.send(flow!, "too late");
    await settle();
    assert.deepEqual(first.heardText(), []);
    const neighbour = await client(world, 6);
    await neighbour.send(gate6, "ask");
    assert.equal(world.gateway.sessionCount, MAX_FLOWS_OF_CLIENT + 1, "others have theirs");
  });

  worldTest("is subject to the rules, for each address of a name", {
    rules: [{ action: "deny", to: [SERVER4], commands: [Command.Forward] }],
  }, async (world) => {
    world.resolver.set("dns.test", [SERVER4]);
    await open(world, "dns.test");
    const answerer = await server(world.servers[4]), asker = await client(world);
    await asker.send(gate4, "ask");
    await settle();
    assert.deepEqual(answerer.heardText(), []);
    await world.clock.advance(IDLE_MS + 1);
    assert.equal(world.record.dropped.refused, 1);
  });

  worldTest("accepts no new flows in a drain, and ends idle flows", {}, async (world) => {
    await open(world, SERVER4);
    const answerer = await server(world.servers[4]), asker = await client(world);
    await asker.send(gate4, "ask");
    await settle();
    const [flow] = sources(answerer);
    const drained = world.gateway.drain(30_000);
    await world.clock.advance(900);
    await asker.send(gate4, "again");
    await answerer.send(flow!, "answer");
    await (await client(world)).send(gate4, "new");
    await settle();
    assert.deepEqual(answerer.heardText().map((text) => text.split(" ")[1]), ["again"]);
    assert.equal(asker.heardText().length, 1);
    await world.clock.advance(900);
    assert.equal(world.gateway.sessionCount, 1);
    await world.clock.advance(101);
    assert.equal(await drained, 0);
  });

  worldTest("ends a busy flow soon after it is closed", {}, async (world) => {
    await open(world, SERVER4);
    const answerer = await server(world.servers[4]), asker = await client(world);
    await asker.send(gate4, "ask");
    const drained = world.gateway.drain(30_000);
    for (let i = 0; i < 6; i++) {
      await world.clock.advance(900);
      await asker.send(gate4, "more");
    }
    assert.equal(await drained, 0);
    assert.equal(answerer.heardText().length, 6, "within 5 s");
  });
});
