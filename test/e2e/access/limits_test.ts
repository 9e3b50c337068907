import assert from "node:assert/strict";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { type Program, source, start } from "../../support/program/program.ts";
import { ask, greeting } from "../../support/wire/socks.ts";
import { echoServer, Tcp, unusedPort } from "../../support/wire/tcp.ts";
import { until, within } from "../../support/program/until.ts";

const common = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.0/8"];

async function withGateway(flags: readonly string[], body: (gateway: Program) => Promise<void>): Promise<void> {
  const gateway = await start(source, [...common, ...flags]);
  try {
    await body(gateway);
  } catch (error) {
    console.log(gateway.output());
    throw error;
  } finally {
    await gateway.stop();
  }
}

test("--handshake-timeout limits the whole handshake: single octets in between do not extend it", async () => {
  await withGateway(["--handshake-timeout=400ms"], async (gateway) => {
    const [silent, slow] = [await Tcp.to(gateway.addrs[0]!), await Tcp.to(gateway.addrs[0]!)];
    slow.write(Uint8Array.of(5, 255));
    const dribble = setInterval(() => slow.write(Uint8Array.of(0)), 200); // all that it has announced would take 51 s
    for (const client of [silent, slow]) {
      assert.match(await within("its end", client.end()), /^(end|ECONNRESET|EPIPE)$/);
      client.close();
    }
    clearInterval(dribble);
    await until("the log tells of both", () => gateway.output().match(/end=handshake-timeout/g)?.length === 2);
  });
});

test("--idle-timeout ends an idle session and no active session", async () => {
  const server = await echoServer("127.0.0.1");
  await withGateway(["--idle-timeout=4s"], async (gateway) => {
    const idle = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
    const busy = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
    const talk = setInterval(() => busy.client.write("x"), 100);
    assert.match(await idle.client.end(), /^(end|ECONNRESET)$/);
    clearInterval(talk);
    busy.client.write("last");
    await until("the busy one is still served", async () => String.fromCharCode(...await busy.client.read(1)) === "t");
    for (const { client } of [idle, busy]) client.close();
    await until("the log tells", () => /end=idle/.test(gateway.output()));
  });
  server.close();
});

test("--max-sessions turns the next client away until a session ends", async () => {
  const server = await echoServer("127.0.0.1");
  await withGateway(["--max-sessions=1"], async (gateway) => {
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
    const second = await Tcp.to(gateway.addrs[0]!);
    assert.match(await second.end(), /^(end|ECONNRESET)$/);
    second.close();
    client.close();
    await until("there is room again", async () => {
      const next = await Tcp.to(gateway.addrs[0]!);
      next.write(greeting);
      const answer = await next.read(2).catch(() => undefined);
      next.close();
      return answer?.[1] === 0;
    });
  });
  server.close();
});

test("--ports and --announce: BND has the announced address and a port of the range; reply 01 when no port is free", async () => {
  const port = await unusedPort("127.0.0.1");
  await withGateway([`--ports=${port}-${port}`, "--announce=192.0.2.46"], async (gateway) => {
    const first = await ask(gateway.addrs[0]!, Command.UdpAssociate, "0.0.0.0", 0);
    assert.deepEqual([first.reply.reply, first.reply.bound.host, first.reply.bound.port], [0, "192.0.2.46", port]);
    const second = await ask(gateway.addrs[0]!, Command.UdpAssociate, "0.0.0.0", 0);
    assert.equal(second.reply.reply, Reply.GeneralFailure);
    first.client.close();
    second.client.close();
    await until("the port is free again", async () => {
      const { client, reply } = await ask(gateway.addrs[0]!, Command.UdpAssociate, "0.0.0.0", 0);
      client.close();
      return reply.reply === Reply.Succeeded;
    });
  });
  // Several, as connections that ended a moment ago keep some from being listened on.
  await withGateway([`--ports=${port}-${port + 99}`, "--announce=192.0.2.46"], async (gateway) => {
    const { client, reply } = await ask(gateway.addrs[0]!, Command.Bind, "127.0.0.1", 0);
    client.close();
    assert.deepEqual([reply.reply, reply.bound.host], [0, "192.0.2.46"]);
    assert.ok(reply.bound.port >= port && reply.bound.port <= port + 99, `${reply.bound.port}`);
  });
});

test("--open with :0 accepts IPv4 and IPv6 clients on one port, and --from turns other clients away", async () => {
  const families = ["127.0.0.1", "::1"];
  const answers = async (flag: string) => {
    const gateway = await start(source, ["--listen=:0", "--admin=off", flag]);
    const found = await Promise.all(families.map(async (host) => {
      const client = await Tcp.to({ host, port: gateway.addrs[0]!.port });
      client.write(greeting);
      const answer = await client.read(2).then((bytes) => bytes[1], () => undefined);
      client.close();
      return answer;
    }));
    await gateway.stop();
    return found;
  };
  assert.deepEqual(await answers("--open"), [0, 0]);
  assert.deepEqual(await answers("--from=127.0.0.0/8"), [0, undefined]);
  assert.deepEqual(await answers("--from=::/0"), [undefined, 0]);
});
