import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { startOnLoopback } from "../../support/network/loopback.ts";
import { ask, readReply } from "../../support/wire/socks.ts";
import { Tcp } from "../../support/wire/tcp.ts";

const { gateway, v4, relayTypes } = await startOnLoopback("--admin=off");
after(() => gateway.stop());

for (const [type, listener, host] of relayTypes) {
  test(`BIND, relay type ${type}: listens on the peer's side, reports the peer's address, relays both ways`, async () => {
    const { client, reply } = await ask(listener, Command.Bind, host, 0);
    assert.equal(reply.reply, Reply.Succeeded);
    assert.equal(reply.bound.host, host); // loopback: the gateway's address towards the peer is the peer's
    const peer = await Tcp.to(reply.bound);
    const second = await readReply(client);
    assert.equal(second.reply, Reply.Succeeded);
    assert.deepEqual([second.bound.host, second.bound.port], [host, peer.socket.localPort]);
    const bytes = new Uint8Array(randomBytes(1 << 20));
    client.write(bytes);
    client.socket.end();
    assert.deepEqual(await peer.rest(), bytes);
    peer.write(bytes);
    peer.socket.end();
    assert.deepEqual(await client.rest(), bytes);
  });
}

test("BIND: a peer other than DST is turned away and the wait continues", async () => {
  const { gateway: brief, v4 } = await startOnLoopback("--admin=off", "--bind-timeout=4s");
  const { client, reply } = await ask(v4, Command.Bind, "127.0.0.2", 0);
  assert.equal(reply.reply, Reply.Succeeded);
  const stranger = await Tcp.to(reply.bound);
  assert.match(await stranger.end(), /^(end|ECONNRESET)$/);
  assert.equal((await readReply(client)).reply, Reply.TtlExpired); // and nobody else came in time
  client.close();
  await brief.stop();
});

test("BIND: with DST 0.0.0.0 any peer can connect", async () => {
  const { client, reply } = await ask(v4, Command.Bind, "0.0.0.0", 0);
  assert.equal(reply.reply, Reply.Succeeded);
  const peer = await Tcp.to(reply.bound);
  assert.equal((await readReply(client)).reply, Reply.Succeeded);
  peer.close();
  client.close();
});

test("BIND: a DST that the rules deny is refused at once", async () => {
  const { client, reply } = await ask(v4, Command.Bind, "169.254.1.1", 0);
  assert.equal(reply.reply, Reply.NotAllowed);
  client.close();
});

test("BIND: the wait ends when the client sends data and closes", async () => {
  const { client } = await ask(v4, Command.Bind, "127.0.0.1", 0);
  client.write("more");
  client.socket.end();
  // By an end or a reset, since nobody reads what it has said, and not by the reply at the end of --bind-timeout.
  const told = await client.rest().catch((error) => String(error));
  assert.match(String(told), /^$|ECONNRESET/);
  client.close();
});
