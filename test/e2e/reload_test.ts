import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Command, Reply } from "../../src/protocol/codes.ts";
import type { SocketAddr } from "../../src/net/socket.ts";
import { type Program, start, type Target, targets } from "../support/program.ts";
import { ask } from "../support/socks.ts";
import { echoServer, type Tcp } from "../support/tcp.ts";
import { until } from "../support/until.ts";

/** A program with a configuration file that the test rewrites. */
async function configured(target: Target, toml: string): Promise<{
  gateway: Program;
  /** Rewrites the file, and waits for the program to say `said` once more. */
  reload(toml: string, said: string): Promise<void>;
  rewrite(toml: string): void;
  stop(): Promise<void>;
}> {
  const folder = mkdtempSync(join(tmpdir(), "gate46-reload-"));
  const file = join(folder, "gate46.toml");
  writeFileSync(file, toml);
  const gateway = await start(target, [`--config=${file}`, "--admin=off"]);
  const times = (said: string) => gateway.output().split(said).length;
  return {
    gateway,
    async reload(toml, said) {
      const before = times(said);
      writeFileSync(file, toml);
      gateway.signal("SIGHUP");
      await until(`it says '${said}'`, () => times(said) > before);
    },
    rewrite: (toml) => writeFileSync(file, toml),
    async stop() {
      assert.equal(await gateway.stop(), 0);
      rmSync(folder, { recursive: true });
    },
  };
}

async function echoes(client: Tcp, octet: number): Promise<void> {
  client.write(Uint8Array.of(octet));
  assert.deepEqual([...await client.read(1)], [octet]);
}

async function replyOf(gateway: SocketAddr, to: SocketAddr): Promise<number> {
  const { client, reply } = await ask(gateway, Command.Connect, to.host, to.port);
  client.close();
  return reply.reply;
}

for (const target of targets) {
  test(`reload, ${target.name}: sessions keep their rules and their listener, new ones get the new`, async () => {
    const echo = await echoServer("127.0.0.1");
    const toml = (listen: readonly string[], action: string) =>
      `listen = ${JSON.stringify(listen)}\n` +
      `[[rules]]\naction = "${action}"\nto = "127.0.0.1"\n`;
    const [one, two] = ["127.0.0.1:0", "127.0.0.2:0"];
    const { gateway, reload, stop } = await configured(target, toml([one], "allow"));
    const first = gateway.addrs[0]!;
    const { client } = await ask(first, Command.Connect, echo.addr.host, echo.addr.port);
    await echoes(client, 1);

    await reload(toml([one, two], "deny"), "info reloaded");
    const second = {
      host: "127.0.0.2",
      port: Number(/reloaded listening=127\.0\.0\.2:(\d+)/.exec(gateway.output())?.[1]),
    };
    await echoes(client, 2);
    assert.equal(await replyOf(first, echo.addr), Reply.NotAllowed);
    assert.equal(await replyOf(second, echo.addr), Reply.NotAllowed);

    await reload(toml([two], "allow"), "info reloaded");
    await echoes(client, 3);
    assert.equal(await replyOf(second, echo.addr), Reply.Succeeded);
    await assert.rejects(replyOf(first, echo.addr));
    assert.match(gateway.output(), new RegExp(`reloaded closed=127.0.0.1:${first.port}`));
    client.close();
    echo.close();
    await stop();
  });

  test(`reload, ${target.name}: what is wrong is told, and all stays as it was`, async () => {
    const echo = await echoServer("127.0.0.1");
    const taken = echo.addr.port;
    const toml = (more: string, also = "") => `listen = ["127.0.0.1:0"${also}]\n${more}\nallow = "127.0.0.1"\n`;
    const { gateway, reload, stop } = await configured(target, toml(""));
    const wrong = async (text: string, problem: string) => {
      await reload(text, "error not reloaded");
      assert.ok(gateway.output().includes(problem), gateway.output());
      assert.equal(await replyOf(gateway.addrs[0]!, echo.addr), Reply.Succeeded);
    };
    await wrong(toml("max_sessions = 0"), "line 2: max_sessions");
    await wrong(toml("colour = 1"), "colour");
    await wrong(toml("workers = 7"), "Cannot change workers: that needs a restart");
    await wrong(toml("", `, "127.0.0.1:${taken}"`), `Cannot listen on 127.0.0.1:${taken}`);
    await wrong(toml(`users_file = "missing"`), "missing");
    await reload(toml("max_sessions = 9"), "info reloaded");
    echo.close();
    await stop();
  });

  test(`reload, ${target.name}: under load no session is lost and none refused`, async () => {
    const echo = await echoServer("127.0.0.1");
    const toml = (sessions: number) => `listen = "127.0.0.1:0"\nallow = "127.0.0.1"\nmax_sessions = ${sessions}\n`;
    const { gateway, reload, stop } = await configured(target, toml(500));
    const [addr] = gateway.addrs;
    const lasting = await ask(addr!, Command.Connect, echo.addr.host, echo.addr.port);
    let over = false, served = 0;
    const load = Array.from({ length: 8 }, async () => {
      while (!over) {
        const { client, reply } = await ask(addr!, Command.Connect, echo.addr.host, echo.addr.port);
        assert.equal(reply.reply, Reply.Succeeded);
        await echoes(client, 7);
        client.close();
        served++;
      }
    });
    for (let i = 1; i <= 10; i++) {
      const before = served;
      await reload(toml(500 + i), "info reloaded");
      await until("there is load", () => served > before + 20);
    }
    over = true;
    await Promise.all(load);
    await echoes(lasting.client, 9);
    lasting.client.close();
    assert.doesNotMatch(gateway.output(), /fault|worker died|turned away/);
    echo.close();
    await stop();
  });
}

for (const target of targets) {
  test(`reload, ${target.name}: --watch does it when a file has changed`, async () => {
    const { gateway, rewrite, stop } = await configured(target, `listen = "127.0.0.1:0"\nwatch = true\n`);
    rewrite(`listen = "127.0.0.1:0"\nwatch = true\nmax_sessions = 5\n`);
    await until("it has reloaded", () => gateway.output().includes("info reloaded"));
    await stop();
  });

  test(`drain, ${target.name}: the log counts down, and a second signal ends at once`, async () => {
    const echo = await echoServer("127.0.0.1");
    const gateway = await start(target, ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1", "--drain=60s"]);
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
    gateway.signal("SIGTERM");
    await until("it counts down", () => /draining sessions=1 deadline=5\d\.\d+s/.test(gateway.output()));
    await echoes(client, 1);
    gateway.signal("SIGTERM");
    assert.equal(await gateway.exited, 1);
    client.close();
    echo.close();
  });
}
