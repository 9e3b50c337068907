import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { usernameText } from "../../../src/protocol/negotiation.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import type { MemoryNet } from "../../support/memory/memory_net.ts";
import { Peer } from "../../support/memory/peer.ts";
import { relayable, UdpPeer } from "../../support/memory/udp_peer.ts";
import { CLIENT4, GATEWAY4, request, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";

const anyone: Authenticator = { verify: (credentials) => Promise.resolve({ good: usernameText(credentials) !== "" }) };
const HTTP = { host: SERVER4, port: 80 };

/** Asks for `to` as that user, if any, and says what was replied; the session goes on where that is 00. */
async function ask(
  world: World,
  { user, to = HTTP, host = world.clients[4], port = 1080, command = Command.Connect }: {
    user?: string;
    to?: typeof HTTP;
    host?: MemoryNet;
    port?: number;
    command?: Command;
  } = {},
): Promise<{ client: Peer; reply: number; bound: SocketAddr }> {
  const client = new Peer(await host.connect({ host: GATEWAY4, port }));
  await client.send(user === undefined ? "05 01 00" : `05 01 02 01 ${hexText(user)} 01 70`);
  client.heard();
  await client.send(request(command, to));
  const { reply, bound } = decodeReply(client.heardBytes())!.value;
  if (reply !== Reply.Succeeded) await client.close();
  return { client, reply, bound };
}

function hexText(text: string): string {
  return `0${text.length} '${text}'`;
}

/** Asks so often, and says what was replied. */
async function replies(world: World, times: number, how: Parameters<typeof ask>[1] = {}): Promise<readonly number[]> {
  const all = [];
  for (let i = 0; i < times; i++) all.push((await ask(world, how)).reply);
  return all;
}

const refusal = (world: World) => world.records.find(({ reply }) => reply === Reply.NotAllowed)?.detail;

/** Ends the sessions, and proves that what they held is free again. */
async function endAll(world: World, ...clients: readonly Peer[]): Promise<void> {
  for (const client of clients) client.socket.reset();
  await world.clock.advance(0);
}

describe("Sessions share the limit", () => {
  worldTest("of a listener", {
    settings: { access: [{ name: "access[0]", listeners: [`${GATEWAY4}:1081`], maxSessions: 1 }] },
  }, async (world) => {
    await world.gateway.listen({ host: GATEWAY4, port: 1081 });
    await world.serve(HTTP);
    const first = await ask(world, { port: 1081 });
    assert.equal((await ask(world, { port: 1081 })).reply, Reply.NotAllowed);
    assert.deepEqual(await replies(world, 2), [0, 0], "at another listener");
    assert.equal(refusal(world), "too many sessions of access[0]");
    await endAll(world, first.client);
    assert.equal((await ask(world, { port: 1081 })).reply, 0);
  });

  worldTest("of new sessions per second", {
    settings: { access: [{ name: "access[0]", maxRate: 2 }] },
  }, async (world) => {
    await world.serve(HTTP);
    assert.deepEqual(await replies(world, 3), [0, 0, Reply.NotAllowed]);
    assert.equal(refusal(world), "too many new sessions of access[0]");
    await world.clock.advance(2_000);
    assert.deepEqual(await replies(world, 1), [0]);
  });

  worldTest("of a user, instead of the limit for all users", {
    authenticator: anyone,
    settings: { maxSessionsPerUser: 1, userBudgets: new Map([["ann", { maxSessions: 2 }], ["cid", { bandwidth: 1 }]]) },
  }, async (world) => {
    await world.serve(HTTP);
    assert.deepEqual(await replies(world, 3, { user: "ann" }), [0, 0, Reply.NotAllowed]);
    for (const user of ["bob", "cid"]) assert.deepEqual(await replies(world, 2, { user }), [0, Reply.NotAllowed], user);
    assert.equal(refusal(world), "too many sessions of this user");
  });

  worldTest("of a rule, and the gateway does not dial over the limit", {
    rules: [{ action: "allow", ports: [[80, 80]], budget: { maxSessions: 1 } }, { action: "allow" }],
  }, async (world) => {
    await world.serve(HTTP);
    await world.serve({ host: SERVER4, port: 81 });
    const first = await ask(world);
    assert.equal((await ask(world)).reply, Reply.NotAllowed);
    assert.equal(world.net.dialled.length, 1);
    assert.equal(refusal(world), "too many sessions of rules[0]");
    assert.deepEqual(await replies(world, 2, { to: { host: SERVER4, port: 81 } }), [0, 0], "by another rule");
    await endAll(world, first.client);
    assert.equal((await ask(world)).reply, 0);
  });

  worldTest("of a rule with an upstream, before the gateway asks the upstream", {
    rules: [{ action: "allow", via: ["socks5://192.0.2.9"], budget: { maxRate: 1 } }],
  }, async (world) => {
    assert.deepEqual(await replies(world, 2), [Reply.GeneralFailure, Reply.NotAllowed]);
  });

  worldTest("of a rule for peers of BIND", {
    rules: [{ action: "allow", from: [`${CLIENT4}/32`], to: [SERVER4], budget: { maxSessions: 1 } }],
  }, async (world) => {
    const first = await ask(world, { command: Command.Bind, to: { host: SERVER4, port: 0 } });
    assert.equal(first.reply, 0);
    assert.equal((await ask(world, { command: Command.Bind, to: { host: SERVER4, port: 0 } })).reply, Reply.NotAllowed);
    await endAll(world, first.client);
  });

  worldTest("of a rule for datagrams: an association counts once, and datagrams over the limit are dropped", {
    rules: [{ action: "allow", to: ["203.0.113.0/24"], budget: { maxSessions: 1 } }, { action: "allow" }],
  }, async (world) => {
    const associate = async () => {
      const { client, bound } = await ask(world, { command: Command.UdpAssociate, to: { host: "0.0.0.0", port: 0 } });
      const udp = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
      return {
        client,
        sendTo: async (host: string) => {
          await udp.send(bound, relayable({ host, port: 53 }, "question"));
          await world.clock.advance(0);
        },
      };
    };
    const [first, second] = [await associate(), await associate()];
    await first.sendTo(SERVER4);
    await first.sendTo("203.0.113.81");
    await second.sendTo(SERVER4);
    await second.sendTo(SERVER6);
    await endAll(world, first.client, second.client);
    assert.deepEqual(world.records.map(({ datagrams, dropped }) => [datagrams.up, dropped.refused ?? 0]), [[2, 0], [
      1,
      1,
    ]]);
  });
});

describe("Sessions share the bandwidth", () => {
  const chunk = new Uint8Array(5_000);
  for (
    const [whose, options, user] of [
      ["of a listener", { settings: { access: [{ name: "access[0]", bandwidth: 1_000 }] } }, undefined],
      [
        "of a user",
        { authenticator: anyone, settings: { userBudgets: new Map([["ann", { bandwidth: 1_000 }]]) } },
        "ann",
      ],
      ["of a rule", { rules: [{ action: "allow", to: [SERVER4], budget: { bandwidth: 1_000 } }] }, undefined],
    ] as const
  ) {
    worldTest(whose, options, async (world) => {
      const server = await world.serve(HTTP);
      const { client } = await ask(world, { ...user !== undefined && { user } });
      await client.send(chunk);
      await client.send(chunk);
      assert.equal(server.peer.heardBytes().length, 5_000, "the first fills some seconds");
      await world.clock.advance(6_000);
      assert.equal(server.peer.heardBytes().length, 5_000, "and then comes the second");
      await endAll(world, client);
    });
  }
});
