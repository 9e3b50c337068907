import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { type SocketAddr, unixAddr } from "../../../src/net/socket.ts";
import { run, shell, source, start, targets, threadedTargets, workers } from "../../support/program/program.ts";
import { commandOf } from "../../support/program/command.ts";
import { Load } from "../../support/program/load.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask, greeting, readReply } from "../../support/wire/socks.ts";
import { echoServer, Tcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const noCurl = skipped(
  "unix_test.ts",
  await shell(["curl", "--version"]).then(({ code }) => code !== 0, () => true) && "no curl",
);

const noStrace = skipped(
  "unix_test.ts",
  await shell(["strace", "-f", "true"]).then(({ code }) => code !== 0, () => true) && "no strace, or none allowed",
);

/** Runs `test` in a folder of its own, with the way to a listener and its admin endpoint there. */
async function inFolder(
  test: (folder: string, socks: SocketAddr, flags: readonly string[]) => Promise<void>,
): Promise<void> {
  const folder = temporaryFolder("unix");
  const path = join(folder, "s.sock");
  await test(folder, unixAddr(path), [`--listen=unix:${path}`, "--allow=127.0.0.1"]);
}

async function echoes(client: Tcp): Promise<void> {
  client.write("?");
  assert.equal((await client.read(1)).length, 1);
}

for (const target of targets) {
  test(
    `${target.name}: curl connects by a unix socket, and the gateway removes the socket at its end`,
    { skip: noCurl },
    () =>
      inFolder(async (folder, socks, flags) => {
        const server = createServer((_, response) => void response.end("hello"));
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const { port } = server.address() as { port: number };
        const admin = join(folder, "a.sock");
        const gateway = await start(target, [...flags, `--admin=unix:${admin}`, "--unix-mode=0660"]);
        assert.deepEqual([gateway.addrs, gateway.admin], [[socks], unixAddr(admin)]);
        for (const path of [socks.unix!, admin]) assert.equal(statSync(path).mode & 0o777, 0o660);
        const curl = ["curl", "-sS", "--max-time", "20"];
        const proxy = `socks5h://localhost${socks.unix}`;
        assert.deepEqual(await shell([...curl, "--proxy", proxy, `http://127.0.0.1:${port}/`]), {
          code: 0,
          stdout: "hello",
          stderr: "",
        });
        await until("it is in the log", () => gateway.output().includes(`client=unix:${socks.unix} `));
        assert.match(gateway.output(), /relay=A/);
        await until("it is on the page", async () => {
          const page = await shell([...curl, "--unix-socket", admin, "http://gate46/"]);
          return page.stdout.includes(`unix:${socks.unix}`);
        });
        server.close();
        assert.equal(await gateway.stop(), 0);
        assert.deepEqual(readdirSync(folder), []);
      }),
  );

  test(
    `${target.name}: the gateway closes no descriptor twice`,
    { skip: noStrace },
    () =>
      inFolder(async (folder, socks, flags) => {
        const admin = join(folder, "a.sock"), trace = join(folder, "trace");
        const gateway = await start(target, [...flags, `--admin=unix:${admin}`]);
        const echo = await echoServer("127.0.0.1");
        const what = ["-e", "trace=close", "-e", "status=failed", "-e", "signal=none"];
        const strace = spawn("strace", ["-f", ...what, "-o", trace, "-p", `${gateway.child.pid}`]);
        let said = "";
        strace.stderr.setEncoding("utf8").on("data", (text: string) => said += text);
        await until("it is watched", () => said.includes("attached"));
        for (let i = 0; i < 5; i++) {
          const { client } = await ask(socks, Command.Connect, echo.addr.host, echo.addr.port);
          await echoes(client);
          client.close();
          const asking = await Tcp.to(unixAddr(admin));
          asking.write("GET /healthz HTTP/1.1\r\nHost: gate46\r\nConnection: close\r\n\r\n");
          assert.match(new TextDecoder().decode(await asking.rest()), /^HTTP\/1\.1 200 /);
          asking.close();
        }
        assert.equal(await gateway.stop(), 0);
        await new Promise((resolve) => strace.once("close", resolve));
        assert.equal(readFileSync(trace, "utf8").split("\n").filter((line) => line.includes("EBADF")).join("\n"), "");
        echo.close();
      }),
  );

  test(`${target.name}: healthcheck and sessions use a unix socket, and ending a session needs the token`, () =>
    inFolder(async (folder, socks, flags) => {
      const echo = await echoServer("127.0.0.1");
      const admin = `--admin=unix:${join(folder, "a.sock")}`, token = join(folder, "token");
      writeFileSync(token, "0123456789abcdef");
      assert.deepEqual(await commandOf(target, ["healthcheck", admin]), {
        code: 1,
        stdout: "",
        stderr: `gate46: Cannot ask unix:${join(folder, "a.sock")}: no gateway answers there\n`,
      });
      for (const secret of [[], [`--admin-token-file=${token}`]]) {
        const gateway = await start(target, [...flags, admin, ...secret]);
        const { client } = await ask(socks, Command.Connect, echo.addr.host, echo.addr.port);
        await echoes(client);
        const well = async () => (await commandOf(target, ["healthcheck", admin])).stdout === "ready, 1 sessions\n";
        await until("it is ready", well); // it listens a moment before
        let id: string | undefined;
        await until("it is in the list", async () => {
          const { stdout } = await commandOf(target, ["sessions", admin, ...secret]);
          id = /^(\d+) +unix:\S+s\.sock +- +connect /im.exec(stdout)?.[1];
          return id !== undefined;
        });
        const ended = await commandOf(target, ["sessions", admin, ...secret, "end", id!]);
        if (secret.length === 0) {
          assert.equal(ended.stderr, "gate46: Cannot do that: --admin-token-file is not set\n");
          await echoes(client);
        } else {
          assert.equal(ended.code, 0);
          await client.end();
        }
        client.close();
        assert.equal(await gateway.stop(), 0);
      }
      echo.close();
    }));

  test(`${target.name}: the gateway replaces the socket file of a killed gateway, and never one in use`, () =>
    inFolder(async (folder, socks, flags) => {
      const echo = await echoServer("127.0.0.1");
      const killed = await start(target, [...flags, "--admin=off"]);
      killed.signal("SIGKILL");
      await killed.exited;
      assert.ok(statSync(socks.unix!).isSocket());
      const gateway = await start(target, [...flags, "--admin=off"]);
      assert.equal(statSync(socks.unix!).mode & 0o777, 0o600);
      const cannot = async (path: string, state: string) => {
        const { code, stderr } = await run(target, [`--listen=unix:${path}`, "--admin=off"]);
        assert.deepEqual([code, stderr], [1, `gate46: Cannot listen for --listen on unix:${path}: ${state}\n`]);
      };
      await cannot(socks.unix!, "another program listens there (EADDRINUSE); choose another");
      writeFileSync(join(folder, "file"), "");
      if (target === source) { // the same code everywhere
        await cannot(join(folder, "file"), "what is there is no socket");
        await cannot(folder, "what is there is no socket");
        await cannot(join(folder, "nowhere", "s.sock"), `there is no folder ${join(folder, "nowhere")}`);
        await cannot(join(folder, "file", "s.sock"), `there is no folder ${join(folder, "file")}`);
      }
      const { client, reply } = await ask(socks, Command.Connect, echo.addr.host, echo.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      await echoes(client);
      client.close();
      assert.equal(await gateway.stop(), 0);
      assert.equal(existsSync(socks.unix!), false);
      echo.close();
    }));

  test(`${target.name}: a reload opens and removes unix sockets, and sessions continue`, () =>
    inFolder(async (folder, socks) => {
      const echo = await echoServer("127.0.0.1");
      const other = unixAddr(join(folder, "t.sock")), file = join(folder, "gate46.toml");
      const configure = (...listen: readonly SocketAddr[]) => {
        writeFileSync(
          file,
          `allow = "127.0.0.1"\nlisten = ${JSON.stringify(listen.map(({ unix }) => `unix:${unix}`))}`,
        );
      };
      const reach = (addr: SocketAddr) => ask(addr, Command.Connect, echo.addr.host, echo.addr.port);
      configure(socks);
      const gateway = await start(target, [`--config=${file}`, "--admin=off"]);
      const { client } = await reach(socks);
      for (const listen of [[socks, other], [other]]) {
        configure(...listen);
        gateway.signal("SIGHUP");
        const said = `reloaded ${listen.length > 1 ? "listening" : "closed"}=unix:`;
        await until("it has reloaded", () => gateway.output().includes(said));
        for (const addr of listen) (await reach(addr)).client.close();
      }
      assert.equal(existsSync(socks.unix!), false);
      await echoes(client);
      client.close();
      writeFileSync(file, `listen = "unix:${join(folder, "nowhere", "s")}"`);
      gateway.signal("SIGHUP");
      await until("it is refused", () => /not reloaded .*there is no folder/.test(gateway.output()));
      (await reach(other)).client.close();
      assert.equal(await gateway.stop(), 0);
      assert.deepEqual(readdirSync(folder), ["gate46.toml"]);
      echo.close();
    }));

  test(`${target.name}: a client on a unix socket counts as 127.0.0.1 for --from, UDP and BIND`, () =>
    inFolder(async (_, socks, flags) => {
      const echo = await echoServer("127.0.0.1");
      const far = await start(target, [...flags, "--admin=off", "--from=192.0.2.0/24"]);
      await assert.rejects(ask(socks, Command.Connect, echo.addr.host, echo.addr.port));
      assert.equal(await far.stop(), 0);
      assert.match(far.output(), new RegExp(`turned away client=unix:${socks.unix} reason=client-not-allowed`));

      const near = await start(target, [...flags, "--admin=off", "--from=127.0.0.0/8"]);
      const association = await ask(socks, Command.UdpAssociate, "0.0.0.0", 0);
      assert.deepEqual([association.reply.reply, association.reply.bound.host], [Reply.Succeeded, "127.0.0.1"]);
      association.client.close();
      const { client, reply } = await ask(socks, Command.Bind, "127.0.0.1", echo.addr.port);
      assert.deepEqual([reply.reply, reply.bound.host], [Reply.Succeeded, "127.0.0.1"]);
      const peer = await Tcp.to(reply.bound);
      assert.equal((await readReply(client)).reply, Reply.Succeeded);
      client.write("!");
      assert.equal((await peer.read(1)).length, 1);
      for (const one of [peer, client]) one.close();
      assert.equal(await near.stop(), 0);
      echo.close();
    }));

  test(`${target.name}: --proxy-protocol-from=unix takes the client's address from the PROXY header on a unix socket`, () =>
    inFolder(async (_, socks, flags) => {
      const echo = await echoServer("127.0.0.1");
      const gateway = await start(target, [
        ...flags,
        "--admin=off",
        "--from=192.0.2.77",
        "--proxy-protocol-from=unix",
        "--log-level=debug", // who asks for nothing has no other line
      ]);
      const client = await Tcp.to(socks);
      client.write("PROXY TCP4 192.0.2.77 192.0.2.1 40000 1080\r\n\x05\x01\x00");
      assert.deepEqual([...await client.read(2)], [5, 0]);
      client.close();
      await until("it is that client's", () => gateway.output().includes("client=192.0.2.77:40000"));
      await assert.rejects(ask(socks, Command.Connect, echo.addr.host, echo.addr.port));
      await until("another is refused", () => gateway.output().includes("reason=bad-proxy-header"));
      assert.equal(await gateway.stop(), 0);
      echo.close();
    }));
}

for (const target of targets) {
  const skip = skipped("unix_test.ts", process.platform === "linux" ? false : "only Linux has names without a file");
  test(
    `${target.name}: an abstract unix socket serves clients and the admin endpoint, and a second gateway cannot listen on it`,
    { skip },
    async () => {
      const name = `@gate46-${process.pid}-${Math.random()}`;
      const gateway = await start(target, [`--listen=unix:${name}`, `--admin=unix:${name}.admin`]);
      const client = await Tcp.to(unixAddr(name.replace("@", "\0")));
      client.write(greeting);
      assert.deepEqual([...await client.read(2)], [5, 0]);
      client.close();
      const well = async () => (await commandOf(target, ["healthcheck", `--admin=unix:${name}.admin`])).code === 0;
      await until("it is ready", well);
      const { code, stderr } = await run(target, [`--listen=unix:${name}`, "--admin=off"]);
      assert.deepEqual([code, stderr.includes(`Cannot listen for --listen on unix:${name}: another program`)], [
        1,
        true,
      ]);
      assert.equal(await gateway.stop(), 0);
    },
  );
}

for (const target of threadedTargets) {
  test(`${target.name}: a successor replaces the unix sockets, and no client is refused`, () =>
    inFolder(async (folder, socks, flags) => {
      const echo = await echoServer("127.0.0.1");
      const all = [...flags, "--drain=100s", ...workers(target, 2), `--admin=unix:${join(folder, "a.sock")}`];
      let gateway = await start(target, all);
      const load = new Load(async () => {
        const { client, reply } = await ask(socks, Command.Connect, echo.addr.host, echo.addr.port);
        assert.equal(reply.reply, Reply.Succeeded);
        await echoes(client);
        client.close();
      });
      for (let i = 0; i < 2; i++) {
        const predecessor = gateway;
        gateway = await start(target, [...all, `--take-over=${predecessor.child.pid}`]);
        await load.more("the successor serves");
        assert.equal(await predecessor.exited, 0);
        assert.ok(statSync(socks.unix!).isSocket());
      }
      const nowhere = join(folder, "nowhere");
      const failed = await run(target, [
        ...all,
        `--listen=unix:${join(nowhere, "s.sock")}`,
        `--take-over=${gateway.child.pid}`,
      ]);
      assert.match(failed.stderr, new RegExp(`^gate46: .*there is no folder ${nowhere}$`, "m"));
      await load.more("one that could not succeed has changed nothing");
      await load.stop();
      assert.equal(await gateway.stop(), 0);
      assert.deepEqual(readdirSync(folder), []);
      echo.close();
    }));
}
