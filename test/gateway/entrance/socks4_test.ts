import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import { SERVER4, SERVER6, worldTest } from "../../support/memory/world.ts";

const settings = { socks4: true };
const anyone: Authenticator = { verify: () => Promise.resolve({ good: true }) };

/** CONNECT to the server's port 80, by its address and by the name a.example. */
const toAddress = "04 01 00 50 cb 00 71 50 61 6e 6e 00";
const toName = "04 01 00 50 00 00 00 01 00 61 2e 65 78 61 6d 70 6c 65 00";

describe("SOCKS4", () => {
  for (
    const [what, octets, state] of [
      ["is named in the log if it is off", toAddress, "it is SOCKS4, which is off (--socks4)"],
      [
        "is not named in the log for a TLS client",
        "16 03 01 02 00",
        "it looks like TLS, for which a listener is socks5s://, https:// or tls://",
      ],
    ] as const
  ) {
    worldTest(what, {}, async (world) => {
      const client = await world.client();
      await client.send(octets);
      await client.close();
      await world.clock.advance(0);
      assert.equal(world.record.detail, `Cannot read a greeting: ${state}`);
    });
  }

  worldTest("CONNECT by address is relay type A, and forwards early data", { settings }, async (world) => {
    const server = await world.serve({ host: SERVER4, port: 80 });
    const client = await world.client();
    await client.send(`${toAddress} 'early'`);
    assert.match(client.heard(), /^00 5a /);
    assert.equal(server.peer.heardText(), "early");
    server.peer.socket.reset();
    await client.close();
    await world.clock.advance(0);
    assert.equal(world.record.userId, "ann");
    assert.equal(world.record.relayType, "A");
  });

  worldTest("4A: the gateway resolves the name, and connects to its IPv6 address", { settings }, async (world) => {
    const server = await world.serve({ host: SERVER6, port: 80 });
    world.resolver.set("a.example", [SERVER6]);
    const client = await world.client();
    await client.send(toName);
    assert.match(client.heard(), /^00 5a 00 00 00 00 00 00$/);
    server.peer.socket.reset();
    await client.close();
    await world.clock.advance(0);
    assert.equal(world.record.relayType, "B");
  });

  worldTest(
    "answers 91 for a refused connection, a denied destination or an unknown command",
    { settings },
    async (world) => {
      for (const request of [toAddress, "04 01 00 50 7f 00 00 01 00", "04 03 00 50 cb 00 71 50 00"]) {
        const client = await world.client();
        await client.send(request);
        assert.equal(client.heard(), "00 5b 00 00 00 00 00 00");
        await client.close();
      }
    },
  );

  worldTest(
    "is refused with 91 if the gateway requires passwords",
    { settings, authenticator: anyone },
    async (world) => {
      const client = await world.client();
      await client.send(toAddress);
      assert.equal(client.heard(), "00 5b 00 00 00 00 00 00");
      await client.close();
      await world.clock.advance(2_000);
      assert.equal(world.record.detail, "SOCKS4 where passwords are asked for");
    },
  );

  worldTest("is closed without an answer if it is off", {}, async (world) => {
    const client = await world.client();
    await client.send(toAddress);
    assert.equal(client.heard(), "");
    assert.equal(client.ended, "end");
  });

  worldTest("does not affect SOCKS5 on the same listener, also octet by octet", { settings }, async (world) => {
    const client = await world.client();
    for (const octet of ["05", "01", "00"]) await client.send(octet);
    assert.equal(client.heard(), "05 00");
  });
});
