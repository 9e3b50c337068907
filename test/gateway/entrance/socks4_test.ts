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
      ["where it is off is told of as SOCKS4", toAddress, "it is SOCKS4, which is off (--socks4)"],
      [
        "is not what TLS is told of as",
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

  worldTest("CONNECT by address is relay type A, with early data behind the request", { settings }, async (world) => {
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

  worldTest("4A: the gateway resolves, and goes to IPv6 where the name lives there", { settings }, async (world) => {
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

  worldTest("what cannot be reached, or may not be, is 91", { settings }, async (world) => {
    for (const request of [toAddress, "04 01 00 50 7f 00 00 01 00", "04 03 00 50 cb 00 71 50 00"]) {
      const client = await world.client();
      await client.send(request);
      assert.equal(client.heard(), "00 5b 00 00 00 00 00 00");
      await client.close();
    }
  });

  worldTest("is refused where passwords are asked for", { settings, authenticator: anyone }, async (world) => {
    const client = await world.client();
    await client.send(toAddress);
    assert.equal(client.heard(), "00 5b 00 00 00 00 00 00");
    await client.close();
    await world.clock.advance(2_000);
    assert.equal(world.record.detail, "SOCKS4 where passwords are asked for");
  });

  worldTest("is closed without an answer where it is not asked for, and SOCKS5 goes on", {}, async (world) => {
    const client = await world.client();
    await client.send(toAddress);
    assert.equal(client.heard(), "");
    assert.equal(client.ended, "end");
  });

  worldTest("beside SOCKS5, which is served as before, octet by octet", { settings }, async (world) => {
    const client = await world.client();
    for (const octet of ["05", "01", "00"]) await client.send(octet);
    assert.equal(client.heard(), "05 00");
  });
});
