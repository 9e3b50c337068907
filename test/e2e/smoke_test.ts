import assert from "node:assert/strict";
import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Command, Reply } from "../../src/protocol/codes.ts";
import { decodeDatagram, encodeDatagram } from "../../src/protocol/datagram.ts";
import { shell, start, targets } from "../support/program.ts";
import { skipped } from "../support/skipped.ts";
import { ask, destination, greeting, readReply } from "../support/socks.ts";
import { Tcp } from "../support/tcp.ts";
import { echoUdp, Udp } from "../support/udp.ts";

const noCurl = skipped(
  "curl",
  await shell(["curl", "--version"]).then(({ code }) => code !== 0, () => true) && "no curl",
);
const flags = ["--listen=127.0.0.1:0", "--listen=[::1]:0", "--admin=off", "--allow=127.0.0.0/8", "--allow=::1"];

/** Generous for what takes 150 ms on an idle machine, as this one may have much else to do. */
const START_MS = 10_000;

for (const target of targets) {
  const name = (what: string) => `smoke, ${target.name}: ${what}`;

  test(name("curl on IPv4 reads from an HTTP server on IPv6"), { skip: noCurl }, async () => {
    const server = createServer((_, response) => void response.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "::1", resolve));
    const { port } = server.address() as { port: number };
    const gateway = await start(target, flags);
    const { stdout, stderr } = await shell([
      "curl",
      "-sS",
      "--max-time",
      "20",
      "--socks5-hostname",
      `127.0.0.1:${gateway.addrs[0]!.port}`,
      `http://[::1]:${port}/`,
    ]);
    assert.equal(stdout, "hello", stderr);
    assert.equal(await gateway.stop(), 0);
    const there = `\\[::1\\]:${port}`;
    assert.match(
      gateway.output(),
      new RegExp(
        `info session id=1 client=127\\.0\\.0\\.1:\\d+ command=connect destination=${there} ` +
          `remote=${there} relay=B reply="00 succeeded" up=\\d\\d+ down=\\d\\d+ duration=\\d+\\.\\d+s end=end`,
      ),
    );
    server.closeAllConnections?.();
    server.close();
  });

  test(name("BIND: a peer on IPv4 comes to a client on IPv6"), async () => {
    const gateway = await start(target, flags);
    const { client, reply } = await ask(gateway.addrs[1]!, Command.Bind, "127.0.0.1", 0);
    assert.equal(reply.reply, Reply.Succeeded);
    const peer = await Tcp.to(reply.bound);
    assert.equal((await readReply(client)).reply, Reply.Succeeded);
    const bytes = new Uint8Array(randomBytes(300_000));
    peer.write(bytes);
    peer.socket.end();
    assert.deepEqual(await client.rest(), bytes);
    client.close();
    assert.equal(await gateway.stop(), 0);
  });

  test(name("UDP: a client on IPv4 is answered from IPv6"), async () => {
    const gateway = await start(target, flags);
    const echo = await echoUdp("::1");
    const { client, reply } = await ask(gateway.addrs[0]!, Command.UdpAssociate, "0.0.0.0", 0);
    const udp = await Udp.bind("127.0.0.1");
    const payload = new Uint8Array(randomBytes(9_000));
    const address = destination(echo.addr.host, echo.addr.port);
    await udp.send(encodeDatagram({ fragment: 0, address, payload }), reply.bound);
    const answer = decodeDatagram((await udp.receive()).bytes);
    assert.deepEqual([answer.address, answer.payload], [address, payload]);
    for (const socket of [udp, client, echo]) socket.close();
    assert.equal(await gateway.stop(), 0);
  });

  test(name(`a client is answered within ${START_MS} ms of the start`), async () => {
    const before = performance.now();
    const gateway = await start(target, flags);
    const client = await Tcp.to(gateway.addrs[0]!);
    client.write(greeting);
    assert.deepEqual(await client.read(2), Uint8Array.of(5, 0));
    const ms = performance.now() - before;
    console.log(`${target.name}: ${Math.round(ms)} ms to the first answer`);
    assert.ok(ms < START_MS, `${ms} ms`);
    client.close();
    assert.equal(await gateway.stop(), 0);
  });
}
