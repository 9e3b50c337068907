import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { startOnLoopback } from "../../support/network/loopback.ts";
import { ask, greeting, readReply, request } from "../../support/wire/socks.ts";
import { concat, echoServer, listenTcp, Tcp } from "../../support/wire/tcp.ts";
import { until } from "../../support/program/until.ts";

const { gateway, v4, relayTypes } = await startOnLoopback("--admin=127.0.0.1:0");
after(() => gateway.stop());

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

for (const [type, listener, host] of relayTypes) {
  test(`CONNECT, relay type ${type}: bytes arrive unchanged, BND is the gateway's own address, half-close is passed on`, async () => {
    const seen: { peer?: string } = {};
    const server = await listenTcp(host, ({ socket }) => {
      seen.peer = `${socket.remoteAddress} ${socket.remotePort}`;
      socket.pipe(socket);
    });
    const { client, reply } = await ask(listener, Command.Connect, host, server.addr.port);
    assert.equal(reply.reply, Reply.Succeeded);
    const bytes = randomBytes(3 << 20);
    client.write(bytes);
    client.socket.end();
    assert.equal(hash(await client.rest()), hash(bytes));
    assert.equal(seen.peer, `${reply.bound.host} ${reply.bound.port}`);
    server.close();
  });
}

test("CONNECT: bytes directly behind the request are data for the destination", async () => {
  const server = await echoServer("127.0.0.1");
  const client = await Tcp.to(v4);
  const early = new TextEncoder().encode("early");
  client.write(concat(greeting, request(Command.Connect, "127.0.0.1", server.addr.port), early));
  await client.read(2);
  assert.equal((await readReply(client)).reply, Reply.Succeeded);
  assert.deepEqual(await client.read(early.length), new Uint8Array(early));
  client.close();
  server.close();
});

test("CONNECT: a handshake with one octet per write works (microsocks: one recv() taken for one message)", async () => {
  const server = await echoServer("::1");
  const client = await Tcp.to(v4);
  for (const octet of concat(greeting, request(Command.Connect, "::1", server.addr.port), Uint8Array.of(42))) {
    client.write(Uint8Array.of(octet));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.read(2);
  assert.equal((await readReply(client)).reply, Reply.Succeeded);
  assert.deepEqual(await client.read(1), Uint8Array.of(42));
  client.close();
  server.close();
});

test("CONNECT: the client can still send after the destination's half-close (microsocks: both directions closed at the first EOF)", async () => {
  const received: Promise<Uint8Array>[] = [];
  const server = await listenTcp("127.0.0.1", (connection) => {
    connection.socket.end("bye");
    received.push(connection.rest());
  });
  const { client } = await ask(v4, Command.Connect, "127.0.0.1", server.addr.port);
  assert.equal(new TextDecoder().decode(await client.rest()), "bye");
  client.write("still here");
  client.socket.end();
  assert.equal(new TextDecoder().decode(await received[0]!), "still here");
  server.close();
});

test("CONNECT: a reset by the destination resets the client's connection", async () => {
  const server = await listenTcp("127.0.0.1", ({ socket }) => socket.once("data", () => socket.resetAndDestroy()));
  const { client } = await ask(v4, Command.Connect, "127.0.0.1", server.addr.port);
  client.write("x");
  assert.equal(await client.end(), "ECONNRESET");
  server.close();
});

test("CONNECT: a reset by the client resets the destination's connection", async () => {
  const ends: Promise<string>[] = [];
  const server = await listenTcp("127.0.0.1", (connection) => ends.push(connection.end()));
  const { client } = await ask(v4, Command.Connect, "127.0.0.1", server.addr.port);
  await until("the server has seen it", () => ends.length > 0); // the reply may be seen first
  client.socket.resetAndDestroy();
  assert.equal(await ends[0]!, "ECONNRESET");
  server.close();
});

const refusals = [
  ["05 when the destination refuses", "127.0.0.1", 1, Reply.ConnectionRefused],
  ["04 for a name that does not exist", "no-such-name.invalid", 80, Reply.HostUnreachable],
  ["02 for link-local, the addresses of metadata services", "169.254.169.254", 80, Reply.NotAllowed],
  ["02 for IPv4-mapped link-local (3proxy, shadowsocks-rust)", "::ffff:169.254.169.254", 80, Reply.NotAllowed],
  ["02 for link-local in a NAT64 prefix", "64:ff9b::169.254.169.254", 80, Reply.NotAllowed],
  ["02 for the gateway's own listener", "127.0.0.1", v4.port, Reply.NotAllowed],
  ["02 for the admin endpoint", "127.0.0.1", gateway.admin!.port, Reply.NotAllowed],
] as const;

for (const [what, host, port, code] of refusals) {
  test(`CONNECT: reply ${what}, then the gateway closes the connection`, async () => {
    const { client, reply } = await ask(v4, Command.Connect, host, port);
    assert.equal(reply.reply, code);
    assert.equal((await client.rest()).length, 0);
    client.close();
  });
}

test("reply 07 for an unknown command, 08 for an unknown ATYP", async () => {
  for (const [octets, code] of [[[5, 9, 0, 1, 1, 2, 3, 4, 0, 80], 7], [[5, 1, 0, 9, 1, 2, 3, 4, 0, 80], 8]] as const) {
    const client = await Tcp.to(v4);
    client.write(concat(greeting, Uint8Array.from(octets)));
    await client.read(2);
    assert.equal((await readReply(client)).reply, code);
    client.close();
  }
});

test("without a common method the gateway replies FF and closes; for a bad VER it closes without a reply", async () => {
  const choosy = await Tcp.to(v4);
  choosy.write(Uint8Array.of(5, 1, 1));
  assert.deepEqual(await choosy.rest(), Uint8Array.of(5, 0xff));
  choosy.close();
  const socks4 = await Tcp.to(v4);
  socks4.write(Uint8Array.of(4, 1, 0, 80, 1, 2, 3, 4, 0));
  assert.match(await socks4.end(), /^(end|ECONNRESET)$/);
  socks4.close();
});
