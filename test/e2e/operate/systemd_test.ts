import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { type SocketAddr, unixAddr } from "../../../src/net/socket.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import {
  type Program,
  run,
  shell,
  start,
  type Target,
  targets,
  threadedTargets,
} from "../../support/program/program.ts";
import { receiveAt } from "../../support/wire/notify_socket.ts";
import { hasPython } from "../../support/python/python.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer, refuses, unusedPort } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const activate = "systemd-socket-activate";
const noActivation = skipped(
  "systemd_test.ts",
  await shell([activate, "--version"]).then(({ code }) => code !== 0, () => true) && `${activate} is not here`,
);
const noKernel = skipped("systemd_test.ts", await openLibc() ? false : "libc cannot be called here");
const noPython = skipped("systemd_test.ts", hasPython ? false : "no python3");

/** Starts the program as systemd does, with sockets that are open already; the first client has to come before it. */
async function startActivated(
  target: Target,
  sockets: Readonly<Record<string, SocketAddr>>,
  flags: readonly string[],
): Promise<Program> {
  const addrs = Object.values(sockets);
  const listen = addrs.map(({ host, port, unix }) => `--listen=${unix ?? `${host}:${port}`}`);
  const starting = start(target, flags, [
    activate,
    "-E",
    "PATH",
    ...listen,
    `--fdname=${Object.keys(sockets).join(":")}`,
  ]);
  const first = addrs.find(({ unix }) => unix !== undefined)!;
  await until("systemd listens, and has a client", async () => !await refuses(first));
  return await starting;
}

async function reaches(addr: SocketAddr, to: SocketAddr): Promise<void> {
  const { client, reply } = await ask(addr, Command.Connect, to.host, to.port);
  assert.equal(reply.reply, Reply.Succeeded);
  client.close();
}

for (const target of threadedTargets) {
  test(
    `${target.name} uses the sockets of systemd by name, and keeps them at a reload`,
    { skip: noActivation || noKernel },
    async () => {
      const folder = temporaryFolder("systemd");
      const echo = await echoServer("127.0.0.1");
      const sockets = {
        socks: unixAddr(join(folder, "s.sock")),
        other: unixAddr(join(folder, "t.sock")),
        tcp: { host: "127.0.0.46", port: await unusedPort("127.0.0.46") },
      };
      const flags = ["--listen=systemd:socks", "--listen=systemd:tcp", "--admin=off", "--allow=127.0.0.1"];
      const gateway = await startActivated(target, sockets, flags);
      assert.deepEqual(gateway.addrs, [sockets.socks, sockets.tcp]);
      assert.match(
        gateway.output(),
        /warning systemd passed sockets that no --listen uses: clients that connect there wait names=other\n/,
      );
      for (let reloads = 0; reloads < 2; reloads++) {
        for (let i = 0; i < 10; i++) await reaches(i % 2 ? sockets.socks : sockets.tcp, echo.addr);
        gateway.signal("SIGHUP");
        await until("it has reloaded", () => gateway.output().split("info reloaded").length > reloads + 1);
      }
      assert.equal(gateway.output().split("listening on").length, 3);
      // All that was passed goes no further, what is not used among it.
      const flagsOf = (fd: number) => shell(["grep", "flags", `/proc/${gateway.child.pid}/fdinfo/${fd}`]);
      for (const fd of [3, 4, 5]) {
        assert.match(readlinkSync(`/proc/${gateway.child.pid}/fd/${fd}`), /^socket:/);
        assert.equal(Number.parseInt((await flagsOf(fd)).stdout.split("\t")[1]!, 8) & 0o2000000, 0o2000000);
      }
      assert.equal(await gateway.stop(), 0);
      assert.deepEqual(readdirSync(folder).sort(), ["s.sock", "t.sock"]); // which are systemd's
      echo.close();
    },
  );

  test(`${target.name} reports sockets that systemd has not passed, or has passed to another process`, {
    skip: noKernel,
  }, async () => {
    const flags = ["--listen=systemd:socks", "--admin=off"];
    assert.deepEqual(await run(target, flags), {
      code: 1,
      stdout: "",
      stderr: "gate46: Cannot listen on systemd:socks: it has passed no sockets\n",
    });
    const stranger = { ...target, command: ["env", "LISTEN_PID=1", "LISTEN_FDS=1", ...target.command] };
    assert.match((await run(stranger, flags)).stderr, /it has passed no sockets/);
    const shadow = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=x exec "$@" 3</dev/null', "sh"];
    const other = { ...target, command: [...shadow, ...target.command] };
    assert.match((await run(other, flags)).stderr, /it has passed x\n/);
    assert.match(
      (await run(other, ["--listen=systemd", "--admin=off"])).stderr,
      /Cannot listen on systemd: descriptor 3 is not a listening stream socket\n/,
    );
  });

  test(
    `${target.name} refuses to be an open relay on a socket of systemd`,
    { skip: noActivation || noKernel },
    async () => {
      const port = await unusedPort("0.0.0.0");
      const running = run({
        ...target,
        command: [activate, "-E", "PATH", `--listen=0.0.0.0:${port}`, ...target.command],
      }, [
        "--listen=systemd",
        "--admin=off",
      ]);
      await until("it is started", async () => !await refuses({ host: "127.0.0.1", port }));
      const { code, stderr } = await running;
      assert.equal(code, 2);
      assert.match(stderr, /Cannot listen on 0\.0\.0\.0:\d+: it would be an open relay/);
    },
  );

  test(`${target.name}: systemd learns that the successor is the main process`, {
    skip: noPython || noKernel,
  }, async () => {
    const folder = temporaryFolder("systemd");
    const path = join(folder, "notify");
    const systemd = await receiveAt(path);
    const flags = [`--listen=unix:${join(folder, "s.sock")}`, "--admin=off", "--drain=5s"];
    const prefix = ["env", `NOTIFY_SOCKET=${path}`];
    const former = await start(target, flags, prefix);
    const next = await start(target, [...flags, `--take-over=${former.child.pid}`], prefix);
    assert.equal(await former.exited, 0);
    const main = `READY=1 MAINPID=${next.child.pid}\n`;
    await until("another is the main process", () => systemd.said().includes(main));
    assert.equal(await next.stop(), 0);
    await until(
      "it says that it stops",
      () => systemd.said().slice(systemd.said().indexOf(main)).includes("STOPPING=1"),
    );
    assert.doesNotMatch(systemd.said().slice(0, systemd.said().lastIndexOf("STOPPING=1")), /STOPPING|draining/);
    systemd.stop();
  });
}

for (const target of targets) {
  test(`${target.name} tells systemd when it is ready, reloads, is healthy and stops`, {
    skip: noPython || noKernel,
  }, async () => {
    const folder = temporaryFolder("systemd");
    for (const path of [join(folder, "notify"), `@gate46-${process.pid}-${Math.random()}`]) {
      const systemd = await receiveAt(path);
      const said = (what: RegExp) => until(`it says ${what}`, () => what.test(systemd.said()));
      const gateway = await start(target, [`--listen=unix:${join(folder, "s.sock")}`, "--admin=off"], [
        "env",
        `NOTIFY_SOCKET=${path}`,
        "WATCHDOG_USEC=200000",
      ]);
      await said(/READY=1\nSTATUS=ready, 0 sessions\n/);
      await said(/(WATCHDOG=1\n.*){3}/s);
      gateway.signal("SIGHUP");
      await said(/RELOADING=1 MONOTONIC_USEC=\d+\n.*READY=1\n/s);
      assert.equal(await gateway.stop(), 0);
      await said(/STOPPING=1 EXTEND_TIMEOUT_USEC=40000000\n/);
      systemd.stop();
    }
  });
}

for (const target of targets.filter(({ threaded }) => !threaded)) {
  test(`${target.name} reports that it cannot use sockets of systemd`, async () => {
    assert.equal(
      (await run(target, ["--listen=systemd", "--admin=off"])).stderr,
      "gate46: Cannot listen on systemd: only the Linux engine can\n",
    );
  });
}
