import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../src/protocol/codes.ts";
import type { SocketAddr } from "../../src/net/socket.ts";
import { start, targets } from "../support/program.ts";
import { skipped } from "../support/skipped.ts";
import { ask } from "../support/socks.ts";
import { echoServer, Tcp, unusedPort } from "../support/tcp.ts";
import { until } from "../support/until.ts";

const skip = skipped(
  "haproxy_test.ts",
  spawnSync("haproxy", ["-v"]).status === 0 ? false : "haproxy is not here",
);

const file = readFileSync(join(import.meta.dirname!, "../../scripts/deploy/haproxy/haproxy.cfg"), "utf8");

/** HAProxy by the file that the project gives out, with other addresses. It cannot be asked for a port of its choice. */
async function startHaproxy(servers: readonly { socks: SocketAddr; admin: SocketAddr }[]) {
  const folder = mkdtempSync(join(tmpdir(), "gate46-haproxy-"));
  const addr = { host: "127.0.0.46", port: await unusedPort("127.0.0.46") };
  const text = (at: SocketAddr) => `${at.host}:${at.port}`;
  let config = file.replace("bind :1080", `bind ${text(addr)}`).replace("inter 1s", "inter 500ms")
    .replace("maxconn 20000", "maxconn 200");
  servers.forEach(({ socks, admin }, i) => {
    config = config.replace(`192.0.2.1${i + 1}:1080 port 9090`, `${text(socks)} port ${admin.port}`);
  });
  // HAProxy itself connects from an address of its own, as on another host.
  config = config.replace("default-server ", "default-server source 127.0.0.46 ");
  assert.doesNotMatch(config.replaceAll(/^\s*#.*$/gm, ""), /192\.0\.2/);
  const { stop } = await runHaproxy(folder, addr, config);
  return {
    addr,
    async stop() {
      await stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function runHaproxy(folder: string, addr: SocketAddr, config: string): Promise<{ stop(): Promise<void> }> {
  writeFileSync(join(folder, "haproxy.cfg"), config);
  const child = spawn("haproxy", ["-db", "-f", join(folder, "haproxy.cfg")], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => output += text);
  await until("HAProxy listens", async () => {
    if (child.exitCode !== null) throw new Error(`Cannot start HAProxy: ${output}`);
    const socket = await Tcp.to(addr).catch(() => undefined);
    socket?.close();
    return socket !== undefined;
  });
  return {
    async stop() {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      process.kill(child.pid!, "SIGKILL");
      await exited;
    },
  };
}

for (const target of targets) {
  test(`HAProxy before a unix socket of ${target.name} says whose connections it passes on`, { skip }, async () => {
    const echo = await echoServer("127.0.0.1");
    const folder = mkdtempSync(join(tmpdir(), "gate46-haproxy-"));
    const socks = join(folder, "socks.sock"), addr = { host: "127.0.0.1", port: await unusedPort("127.0.0.1") };
    for (const version of ["send-proxy", "send-proxy-v2"]) {
      const gateway = await start(target, [
        `--listen=unix:${socks}`,
        "--admin=off",
        "--allow=127.0.0.1",
        "--from=127.0.0.1",
        "--proxy-protocol-from=unix",
      ]);
      const haproxy = await runHaproxy(
        folder,
        addr,
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n" +
          `listen socks\n  bind ${addr.host}:${addr.port}\n  server s1 unix@${socks} ${version}\n`,
      );
      const { client, reply } = await ask(addr, Command.Connect, echo.addr.host, echo.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      const { port } = client.socket.address() as { port: number };
      client.close();
      await until("it is in the log", () => gateway.output().includes(`client=127.0.0.1:${port} command=connect`));
      await haproxy.stop();
      assert.equal(await gateway.stop(), 0);
    }
    rmSync(folder, { recursive: true });
    echo.close();
  });

  test(
    `HAProxy before two gateways, ${target.name}: one drains and comes back, no request fails, clients keep their addresses`,
    { skip },
    async () => {
      const echo = await echoServer("127.0.0.1");
      const flags = [
        "--allow=127.0.0.1",
        "--from=127.0.0.1",
        "--proxy-protocol-from=127.0.0.46",
        "--drain-delay=3s",
      ];
      const one = await start(target, [...flags, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]);
      const two = await start(target, [...flags, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]);
      const haproxy = await startHaproxy([one, two].map(({ addrs, admin }) => ({ socks: addrs[0]!, admin: admin! })));
      let over = false, served = 0;
      const load = Array.from({ length: 4 }, async () => {
        while (!over) {
          const { client, reply } = await ask(haproxy.addr, Command.Connect, echo.addr.host, echo.addr.port);
          assert.equal(reply.reply, Reply.Succeeded);
          client.write("?");
          assert.equal((await client.read(1)).length, 1);
          client.close();
          served++;
        }
      });
      const more = async (what: string) => {
        const before = served;
        await until(what, () => served > before + 50);
      };
      await more("both serve");
      const { addrs: [socks], admin } = one;
      assert.equal(await one.stop(), 0);
      await more("the other serves alone");
      const again = await start(target, [
        ...flags,
        `--listen=127.0.0.1:${socks!.port}`,
        `--admin=127.0.0.1:${admin!.port}`,
      ]);
      await until("the one that came back serves", () => /info session .* end=end/.test(again.output()));
      assert.equal(await two.stop(), 0);
      await more("it serves alone");
      over = true;
      await Promise.all(load);
      await haproxy.stop();
      assert.equal(await again.stop(), 0);
      for (const { output } of [one, two, again]) {
        assert.match(output(), /client=127\.0\.0\.1:\d+ .* end=end/);
        assert.doesNotMatch(output(), /client=127\.0\.0\.46|turned away|fault/);
      }
      echo.close();
    },
  );
}
