import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { source, start } from "../../support/program/program.ts";
import { credentials, readReply, request } from "../../support/wire/socks.ts";
import { concat, echoServer, Tcp } from "../../support/wire/tcp.ts";

const secret = "Tr0ub4dor&3";
const gateway = await start(source, [
  "--listen=127.0.0.1:0",
  "--admin=off",
  "--allow=127.0.0.0/8",
  `--user=ann:${secret}`,
  "--log-level=debug",
  "--log-format=json",
]);
const server = await echoServer("127.0.0.1");
after(async () => {
  server.close();
  await gateway.stop();
});
const passwordGreeting = Uint8Array.of(5, 1, 2);
const connect = request(Command.Connect, "127.0.0.1", server.addr.port);

test("a session with a password works with one octet per write, and in one write with data behind the request", async () => {
  const conversation = concat(passwordGreeting, credentials("ann", secret), connect, Uint8Array.of(42));
  for (const size of [1, conversation.length]) {
    const client = await Tcp.to(gateway.addrs[0]!);
    for (let i = 0; i < conversation.length; i += size) {
      client.write(conversation.subarray(i, i + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await client.read(4), Uint8Array.of(5, 2, 1, 0));
    assert.equal((await readReply(client)).reply, Reply.Succeeded);
    assert.deepEqual(await client.read(1), Uint8Array.of(42));
    client.close();
  }
});

const ways = [
  ["only method 00", [Uint8Array.of(5, 1, 0), connect], [5, 0xff]],
  ["the request in place of the password", [passwordGreeting, connect], [5, 2]],
  ["the request behind a wrong password", [passwordGreeting, credentials("ann", "no"), connect], [5, 2, 1, 1]],
  ["the request behind an empty password", [passwordGreeting, Uint8Array.of(1, 3, 97, 110, 110, 0), connect], [5, 2]],
  ["a second greeting", [passwordGreeting, Uint8Array.of(5, 1, 0), connect], [5, 2]],
] as const;
for (const [what, messages, answer] of ways) {
  test(`a client cannot bypass the password: ${what} (sing-box CVE-2023-43644)`, async () => {
    const client = await Tcp.to(gateway.addrs[0]!);
    client.write(concat(...messages));
    assert.deepEqual(await client.read(answer.length), Uint8Array.from(answer));
    const [status, reply, ...more] = await client.rest().catch(() => new Uint8Array(0));
    assert.deepEqual(more, []);
    assert.ok(status === undefined || (status === 1 && reply !== 0), "nothing but a failure may follow");
    client.close();
  });
}

test("the log has the user name, and at no level the password (hev, shadowsocks-rust)", async () => {
  await gateway.stop();
  const sessions = gateway.output().trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ message }) => message === "session");
  assert.equal(sessions.length, 2 + ways.length);
  assert.ok(sessions.some(({ user, command, end }) => user === "ann" && command === "connect" && end !== undefined));
  assert.ok(!gateway.output().includes(secret));
});
