import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { afterwards } from "../../support/program/afterwards.ts";
import { programs, run, shell, source, start, workers } from "../../support/program/program.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask, credentials } from "../../support/wire/socks.ts";
import { concat, echoServer, Tcp, unusedPort } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until, within } from "../../support/program/until.ts";

const local = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1"];

/** What is not SOCKS. */
async function fail(gateway: SocketAddr): Promise<void> {
  const client = await Tcp.to(gateway);
  client.write("GET / HTTP/1.0\r\n\r\n");
  await client.end();
}

const noFull = skipped("a log on a full disk", !existsSync("/dev/full") && "no /dev/full");
const noLogger = skipped("syslog", spawnSync("logger", ["--version"]).status !== 0 && "no logger (bsdutils)");
const noUnread = skipped(
  "what nobody reads",
  process.platform !== "linux" ? "this is not Linux" : spawnSync("python3", ["--version"]).status !== 0 && "no python3",
);
const noScript = skipped(
  "colours on a terminal",
  spawnSync("script", ["--version"]).status !== 0 && "no script (bsdutils)",
);

for (const target of programs) {
  test(`log, ${target.name}: --log-sample limits the lines of failed sessions, and no others`, async () => {
    const echo = await echoServer("127.0.0.1");
    const count = target.threaded ? 2 : 1, budget = 5;
    const gateway = await start(target, [...local, `--log-sample=${budget}`, ...workers(target, count)]);
    for (let i = 0; i < 300; i += 30) await Promise.all(Array.from({ length: 30 }, () => fail(gateway.addrs[0]!)));
    for (let i = 0; i < 30; i++) {
      const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      client.close();
    }
    await gateway.stop();
    const lines = gateway.output().split("\n").filter((line) => line.includes("end=protocol-error"));
    const more = lines.filter((line) => line.includes(" session more="));
    assert.ok(more.length >= 1, gateway.output());
    const counts = more.map((line) => Number(/more=(\d+) within=[\d.]+s client=127\.0\.0\.1 /.exec(line)![1]));
    assert.equal(lines.length - more.length + counts.reduce((a, b) => a + b), 300);
    const intervals = Math.ceil(more.length / count);
    assert.ok(lines.length - more.length <= (intervals + 1) * count * budget, `${lines.length} lines`);
    assert.equal(gateway.output().match(/reply="00 succeeded"/g)?.length, 30);
    const to = `127\\.0\\.0\\.1:${echo.addr.port}`;
    const ordinary = new RegExp(
      ` info session id=\\d+ client=127\\.0\\.0\\.1:\\d+ command=connect destination=${to} remote=${to} relay=A ` +
        `reply="00 succeeded" up=0 down=0 duration=\\d\\.\\d{3}s end=(end|reset)\\n`,
      "g",
    );
    assert.equal(gateway.output().match(ordinary)?.length, 30, gateway.output());
    echo.close();
  });

  test(`log, ${target.name}: --log-sessions=failed and --log-clients=prefix take effect`, async () => {
    const echo = await echoServer("127.0.0.1");
    const gateway = await start(target, [...local, "--log-sessions=failed", "--log-clients=prefix"]);
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
    client.close();
    await fail(gateway.addrs[0]!);
    await gateway.stop();
    const lines = gateway.output().split("\n").filter((line) => line.includes(" session "));
    assert.equal(lines.length, 1, gateway.output());
    assert.match(lines[0]!, /client=127\.0\.0\.0\/24 .*end=protocol-error/);
    echo.close();
  });

  test(`log, ${target.name}: a log file is appended to, and reopened after logrotate moves it`, async () => {
    const folder = temporaryFolder("log");
    const file = join(folder, "gate46.log");
    const gateway = await start(target, [...local, `--log-file=${file}`]);
    assert.equal(statSync(file).mode & 0o137, 0, "only the owner writes, and others cannot read");
    await fail(gateway.addrs[0]!);
    await until("it is logged", () => readFileSync(file, "utf8").includes("end=protocol-error"));
    renameSync(file, `${file}.1`);
    gateway.signal("SIGUSR1");
    await fail(gateway.addrs[0]!);
    await until("it is logged", () => existsSync(file) && readFileSync(file, "utf8").includes("end=protocol-error"));
    assert.equal(await gateway.stop(), 0);
    assert.equal(readFileSync(`${file}.1`, "utf8").match(/protocol-error/g)?.length, 1);
    assert.match(readFileSync(file, "utf8"), /drained/);
    const refused = await run(target, [...local, `--log-file=${folder}/none/log`]);
    assert.deepEqual([refused.code, refused.stderr], [
      2,
      `gate46: Cannot write ${folder}/none/log: it is not there (ENOENT); --log-file\n`,
    ]);
  });

  test(`log, ${target.name}: a FIFO without a reader is refused, and does not block the start`, async () => {
    const folder = temporaryFolder("log");
    const file = join(folder, "fifo");
    assert.equal(spawnSync("mkfifo", [file]).status, 0);
    const { code, stderr } = await run(target, [...local, `--log-file=${file}`]);
    assert.deepEqual([code, stderr], [
      2,
      `gate46: Cannot write ${file}: nobody is at its other end (ENXIO); --log-file\n`,
    ]);
  });

  test(`log, ${target.name}: a full disk loses lines, and no session`, { skip: noFull }, async () => {
    const echo = await echoServer("127.0.0.1");
    const addr = { host: "127.0.0.1", port: await unusedPort("127.0.0.1") };
    const flags = [`--listen=127.0.0.1:${addr.port}`, "--admin=off", "--allow=127.0.0.1", "--log-file=/dev/full"];
    const [file, ...args] = [...target.command, ...flags];
    const program = spawn(file!, args, { stdio: "ignore" });
    const ended = new Promise((resolve) => program.on("exit", resolve));
    await until("it listens", () => Tcp.to(addr).then((client) => (client.close(), true), () => false));
    for (let i = 0; i < 50; i++) {
      const { client, reply } = await ask(addr, Command.Connect, echo.addr.host, echo.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      client.write("x");
      await client.read(1);
      client.close();
    }
    process.kill(program.pid!, "SIGTERM"); // program.kill() makes Deno forget the exit code
    assert.equal(await ended, 0);
    echo.close();
  });

  const unread = target === source ? ["pipe", "socket", "terminal"] : ["pipe"];
  for (const kind of unread) {
    test(
      `log, ${target.name}: a ${kind} without a reader loses lines, and no session`,
      { skip: noUnread },
      async () => {
        const echo = await echoServer("127.0.0.1");
        const [addr, admin] = [await unusedPort("127.0.0.1"), await unusedPort("127.0.0.1")].map((port) => ({
          host: "127.0.0.1",
          port,
        }));
        const flags = [`--listen=127.0.0.1:${addr!.port}`, `--admin=127.0.0.1:${admin!.port}`, "--allow=127.0.0.1"];
        const command = [join(projectRoot, "test/support/python/unread.py"), kind, ...target.command, ...flags];
        const program = spawn("python3", command, { stdio: "ignore" });
        const forget = afterwards(() => process.kill(program.pid!, "SIGKILL"));
        const ended = new Promise((resolve) => program.on("exit", resolve));
        await until("it listens", () => Tcp.to(addr!).then((client) => (client.close(), true), () => false));
        let sessions = 0;
        await until("it has had many sessions", async () => {
          const { client, reply } = await ask(addr!, Command.Connect, echo.addr.host, echo.addr.port);
          assert.equal(reply.reply, Reply.Succeeded);
          client.close();
          return ++sessions === 100;
        });
        assert.equal((await fetch(`http://127.0.0.1:${admin!.port}/healthz`)).status, 200);
        process.kill(program.pid!, "SIGTERM");
        assert.equal(await within("its end", ended), 0);
        forget();
        echo.close();
      },
    );
  }

  test(`log, ${target.name}: input of a client cannot forge a line`, async () => {
    const gateway = await start(target, [...local, "--user=ann:secret"]);
    // Three, since more failures would have to wait for their answers.
    const names = ["a\nforged", "\x1b[2J\u009b31m\u202e", 'b\u2028forged" end=end user="root'];
    for (const name of names) {
      const client = await Tcp.to(gateway.addrs[0]!);
      client.write(concat(Uint8Array.of(5, 1, 2), credentials(name, "wrong")));
      await client.end();
    }
    await gateway.stop();
    const lines = gateway.output().trimEnd().split(/[\n\u2028]/);
    assert.ok(
      lines.every((line) => /^20\S+Z (info|warning) /.test(line) && !/[\p{C}\p{Zl}]/u.test(line)),
      gateway.output(),
    );
    assert.equal(
      lines.filter((line) => / session id=\d+ client=\S+ user=.* end=authentication-failed/.test(line)).length,
      3,
    );
  });

  test(`log, ${target.name}: logger reads the syslog priorities`, { skip: noLogger }, async () => {
    const gateway = await start(target, [...local, "--log-format=syslog", "--log-level=info"]);
    await fail(gateway.addrs[0]!);
    await gateway.stop();
    const logger = ["logger", "--prio-prefix", "--no-act", "--stderr", "--tag=gate46", "--server=127.0.0.1", "--udp"];
    const logged = await shell(logger, gateway.output());
    const lines = logged.stderr.trimEnd().split("\n");
    assert.ok(lines.every((line) => /^<(14|30|6)>/.test(line)), logged.stderr);
    assert.match(logged.stderr, /^<14>.* gate46 .* session id=1 .*end=protocol-error/m);
  });

  test(
    `log, ${target.name}: a terminal gets colours, and with NO_COLOR none`,
    { skip: noScript },
    async () => {
      for (
        const [environment, line] of [["-u NO_COLOR", "\x1b[1mlistening on "], ["NO_COLOR=1", "Z info listening on "]]
      ) {
        const program = `env -u FORCE_COLOR ${environment} TERM=xterm ${target.command.join(" ")}`;
        const command = `${program} --listen=127.0.0.1:0 --admin=off & read -r line; kill $!; wait`;
        const terminal = spawn("script", ["--quiet", "--command", command, "/dev/null"]);
        const ended = new Promise((resolve) => terminal.on("exit", resolve));
        let shown = "";
        terminal.stdout.setEncoding("utf8").on("data", (text: string) => shown += text);
        await until(`it shows ${JSON.stringify(line)}`, () => shown.includes(line!));
        terminal.stdin.write("\n");
        await ended;
      }
    },
  );
}
