import assert from "node:assert/strict";
import { describe } from "node:test";
import { Command } from "../../../src/protocol/codes.ts";
import { ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { encodeProxyHeader } from "../../../src/protocol/proxy_header.ts";
import type { Forward } from "../../../src/gateway/settings.ts";
import { Peer } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { GATEWAY4, GATEWAY6, relayTypes, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";
import { bytes, joined } from "../../support/wire/bytes.ts";

const PORT = 2222;
const destination = (host: string, port = 22) => ipAddress(host, port) ?? nameAddress(host, port);

/** Who has come to a forward that leads as `only` says. */
async function come(world: World, only: Forward, family: 4 | 6 = 4): Promise<Peer> {
  const addr = { host: family === 4 ? GATEWAY4 : GATEWAY6, port: PORT };
  if (!world.gateway.addrs.some(({ host, port }) => host === addr.host && port === PORT)) {
    await world.gateway.listen(addr, { only });
  }
  const peer = new Peer(await world.clients[family].connect(addr));
  await settle();
  return peer;
}

for (const { type, client: from, server: to } of relayTypes) {
  worldTest(
    `A forward of type ${type}: the server may send first, and each connection resolves the name`,
    {},
    async (world) => {
      const host = to === 4 ? SERVER4 : SERVER6;
      world.resolver.set("server.test", [host]);
      const listener = await world.serve({ host, port: 22 });
      for (let i = 0; i < 2; i++) {
        const client = await come(world, { to: destination("server.test") }, from);
        await listener.peer.send("'SSH-2.0'");
        assert.equal(client.heardText(), "SSH-2.0");
        await client.send("05 01 00 'up'");
        assert.equal(listener.peer.heard(), "05 01 00 75 70");
        await client.finish();
        await listener.peer.finish();
      }
      assert.deepEqual(world.resolver.asked, ["server.test", "server.test"]);
      const { protocol, command, relayType, end, reply, counts } = world.records[1]!;
      assert.deepEqual({ protocol, command, relayType, end, reply, counts }, {
        protocol: "forward",
        command: Command.Forward,
        relayType: type,
        end: "end",
        reply: 0,
        counts: { up: 5, down: 7 },
      });
    },
  );
}

describe("A forward", () => {
  for (const version of [1, 2] as const) {
    worldTest(`sends the client's address to its destination by PROXY protocol ${version} before any data`, {
      settings: { proxies: [parsePrefix("198.51.100.10")!] },
    }, async (world) => {
      const listener = await world.serve({ host: SERVER6, port: 22 });
      const forward = { to: destination(SERVER6), proxyProtocol: version };
      const visitor = await come(world, forward, 6);
      const here = { host: GATEWAY6, port: PORT }, client = visitor.socket.localAddr;
      assert.deepEqual(listener.peer.heardBytes(), encodeProxyHeader(version, { client, here }));
      await visitor.reset();
      const behind = await come(world, forward, 4);
      await behind.send(`'PROXY TCP6 2001:db8:77::7 ${GATEWAY6} 40000 22' 0d 0a 'early'`);
      const real = { host: "2001:db8:77::7", port: 40_000 };
      const header = encodeProxyHeader(version, { client: real, here: { host: GATEWAY4, port: PORT } });
      assert.deepEqual(listener.peer.heardBytes(), joined(header, bytes("'early'")));
      await behind.reset();
    });
  }

  worldTest("closes if the destination refuses the connection, and logs the reason", {}, async (world) => {
    world.internet.route(SERVER4, { fault: "refused" });
    const client = await come(world, { to: destination(SERVER4) });
    assert.deepEqual([client.heard(), client.ended], ["", "end"]);
    await client.close();
    assert.deepEqual([world.record.reply, world.record.end], [5, "refused"]);
  });

  worldTest("has its own idle timeout", { settings: { idleMs: 60_000 } }, async (world) => {
    const listener = await world.serve({ host: SERVER4, port: 22 });
    const client = await come(world, { to: destination(SERVER4), idleMs: 90_000 });
    await world.clock.advance(80_000);
    assert.equal(client.ended, "no");
    await world.clock.advance(20_000);
    assert.equal(listener.peer.ended, "end");
    assert.equal(world.record.end, "idle");
  });

  const forward = (more: object) => ({ action: "allow", commands: [Command.Forward], ...more }) as const;
  for (
    const [what, options, host, detail] of [
      [
        "is refused if a rule for forwards denies it",
        { rules: [{ action: "deny", commands: [Command.Forward] }] },
        SERVER4,
        "rules[0]",
      ],
      [
        "ignores rules for other commands",
        { rules: [{ action: "deny", commands: [Command.Connect] }] },
        SERVER4,
        undefined,
      ],
      [
        "does not reach a closed address by a name",
        { rules: [forward({ names: ["a.test"] })] },
        "127.0.0.1",
        "loopback destination 127.0.0.1",
      ],
      [
        "never reaches a listener of the gateway",
        { rules: [forward({ to: [GATEWAY4] })], allow: [GATEWAY4] },
        GATEWAY4,
        `own listener ${GATEWAY4}:${PORT}`,
      ],
    ] as const
  ) {
    worldTest(what, options, async (world) => {
      world.resolver.set("a.test", [host]);
      const port = host === GATEWAY4 ? PORT : 22;
      const listener = await world.serve({ host: SERVER4, port: 22 });
      const client = await come(world, { to: destination("a.test", port) });
      assert.equal(listener.peers.length, detail ? 0 : 1);
      await client.reset();
      assert.equal(world.record.detail, detail);
    });
  }
});
