import assert from "node:assert/strict";
import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { decodeDatagram, encodeDatagram } from "../../../src/protocol/datagram.ts";
import { type Program, shell, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask, destination, readReply } from "../../support/wire/socks.ts";
import { Tcp } from "../../support/wire/tcp.ts";
import { echoUdp, Udp } from "../../support/wire/udp.ts";

const noCurl = skipped(
  "curl",
  await shell(["curl", "--version"]).then(({ code }) => code !== 0, () => true) && "no curl",
);
const flags = ["--listen=127.0.0.1:0", "--listen=[::1]:0", "--admin=off", "--allow=127.0.0.0/8", "--allow=::1"];

for (const target of targets) {
  const name = (what: string) => `smoke, ${target.name}: ${what}`;
  let gateway: Program | undefined;

  test(name("curl on IPv4 reads from an HTTP server on IPv6"), { skip: noCurl }, async () => {
    const server = createServer((_, response) => void response.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "::1", resolve));
    const { port } = server.address() as { port: number };
    gateway ??= await start(target, flags);
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
    server.closeAllConnections?.();
    server.close();
  });

  test(name("BIND: a peer on IPv4 connects to a client on IPv6"), async () => {
    gateway ??= await start(target, flags);
    const { client, reply } = await ask(gateway.addrs[1]!, Command.Bind, "127.0.0.1", 0);
    assert.equal(reply.reply, Reply.Succeeded);
    const peer = await Tcp.to(reply.bound);
    assert.equal((await readReply(client)).reply, Reply.Succeeded);
    const bytes = new Uint8Array(randomBytes(300_000));
    peer.write(bytes);
    peer.socket.end();
    assert.deepEqual(await client.rest(), bytes);
    client.close();
  });

  test(name("UDP: a client on IPv4 gets an answer from a server on IPv6"), async () => {
    gateway ??= await start(target, flags);
    const echo = await echoUdp("::1");
    const { client, reply } = await ask(gateway.addrs[0]!, Command.UdpAssociate, "0.0.0.0", 0);
    const udp = await Udp.bind("127.0.0.1");
    const payload = new Uint8Array(randomBytes(9_000));
    const address = destination(echo.addr.host, echo.addr.port);
    await udp.send(encodeDatagram({ fragment: 0, address, payload }), reply.bound);
    const answer = decodeDatagram((await udp.receive()).bytes);
    assert.deepEqual([answer.address, answer.payload], [address, payload]);
    for (const socket of [udp, client, echo]) socket.close();
  });

  test(name("SIGTERM ends the gateway with exit code 0, and the log has the CONNECT session"), async () => {
    assert.equal(await gateway!.stop(), 0);
    if (noCurl) return;
    const there = "\\[::1\\]:\\d+";
    assert.match(
      gateway!.output(),
      new RegExp(
        `info session id=1 client=127\\.0\\.0\\.1:\\d+ command=connect destination=${there} ` +
          `remote=${there} relay=B reply="00 succeeded" up=\\d\\d+ down=\\d\\d+ duration=\\d+\\.\\d+s end=end`,
      ),
    );
  });
}
