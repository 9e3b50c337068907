import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { Load } from "../../support/program/load.ts";
import { type Program, programs, start, type Target, targets, workers } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask, credentials, greeting, readReply, request } from "../../support/wire/socks.ts";
import { concat, echoServer, listenTcp, refuses, Tcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

/** A program with a configuration file that the test rewrites. */
async function configured(target: Target, toml: string, ...flags: readonly string[]): Promise<{
  gateway: Program;
  file: string;
  /** How often it has said so, and one more. */
  times(said: string): number;
  /** Rewrites the file, and waits for the program to say `said` once more. */
  reload(toml: string, said: string): Promise<void>;
  rewrite(toml: string): void;
  stop(): Promise<void>;
}> {
  const file = join(temporaryFolder("reload"), "gate46.toml");
  writeFileSync(file, toml);
  // It looks at files five times a second.
  const prefix = toml.includes("watch = true") ? ["env", "GATE46_TEST_HASTE=5"] : [];
  const gateway = await start(target, [`--config=${file}`, "--admin=off", ...flags], prefix);
  const times = (said: string) => gateway.output().split(said).length;
  return {
    gateway,
    file,
    times,
    async reload(toml, said) {
      const before = times(said);
      writeFileSync(file, toml);
      gateway.signal("SIGHUP");
      await until(`it says '${said}'`, () => times(said) > before);
    },
    rewrite: (toml) => writeFileSync(file, toml),
    async stop() {
      assert.equal(await gateway.stop(), 0);
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

const noFigures = skipped("memory of rules", !existsSync("/proc/self/status") && "memory is not told in /proc");
const noFifo = skipped("a FIFO", spawnSync("mkfifo", ["--version"]).status !== 0 && "no mkfifo");

for (const target of targets) {
  test(`reload, ${target.name}: sessions keep their rules and listener, new sessions use the new ones`, async () => {
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

  test(`reload, ${target.name}: a wrong file is logged, and the former configuration stays`, async () => {
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
    await wrong(toml('log_level = "debug"'), "Cannot change log_level: that needs a restart");
    await wrong(
      toml("", `, "127.0.0.1:${taken}"`),
      `Cannot listen for --listen on 127.0.0.1:${taken}: the port is taken`,
    );
    await wrong(toml(`users_file = "missing"`), "missing");
    await reload(toml("max_sessions = 9"), "info reloaded");
    echo.close();
    await stop();
  });

  test(`reload, ${target.name}: under load no session is lost or refused`, async () => {
    const echo = await echoServer("127.0.0.1");
    const toml = (sessions: number) => `listen = "127.0.0.1:0"\nallow = "127.0.0.1"\nmax_sessions = ${sessions}\n`;
    const { gateway, reload, stop } = await configured(target, toml(500), ...workers(target, 2));
    const [addr] = gateway.addrs;
    const lasting = await ask(addr!, Command.Connect, echo.addr.host, echo.addr.port);
    const load = new Load(async () => {
      const { client, reply } = await ask(addr!, Command.Connect, echo.addr.host, echo.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      await echoes(client, 7);
      client.close();
    });
    for (let i = 1; i <= 5; i++) {
      await reload(toml(500 + i), "info reloaded");
      await load.more("there is load");
    }
    await load.stop();
    await echoes(lasting.client, 9);
    lasting.client.close();
    assert.doesNotMatch(gateway.output(), /fault|worker died|turned away/);
    echo.close();
    await stop();
  });

  test(`drain, ${target.name}: under load no byte is lost`, async () => {
    const size = 6 << 20;
    const body = new Uint8Array(size);
    for (let i = 0; i < size; i += 4) new DataView(body.buffer).setUint32(i, Math.imul(i, 0x9e3779b1));
    const sum = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    const wanted = sum(body);
    // Half of it at once, the rest when the gateway drains.
    let go = () => {};
    const drains = new Promise<void>((resolve) => go = resolve);
    const server = await listenTcp("127.0.0.1", ({ socket }) => {
      socket.write(body.subarray(0, size / 2));
      void drains.then(() => socket.end(body.subarray(size / 2)));
    });
    const flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1", "--drain=10m"];
    const gateway = await start(target, [...flags, ...workers(target, 2)]);
    const downloads = await Promise.all(Array.from({ length: 12 }, async () => {
      const { client } = await ask(gateway.addrs[0]!, Command.Connect, server.addr.host, server.addr.port);
      const first = await client.read(1 << 20);
      return { client, first };
    }));
    gateway.signal("SIGTERM");
    await until("it drains", () => gateway.output().includes("draining sessions=12"));
    await until("nobody new is let in", () => refuses(gateway.addrs[0]!)); // each worker closes its listener
    go();
    const sums = await Promise.all(downloads.map(async ({ client, first }) => {
      const all = concat(first, await client.rest());
      client.close();
      return sum(all);
    }));
    assert.deepEqual(new Set(sums), new Set([wanted]));
    assert.equal(await gateway.exited, 0);
    assert.match(gateway.output(), /info drained cut=0\n/);
    server.close();
  });
}

for (const target of programs) {
  test(`reload, ${target.name}: --watch reloads when a file is written in full or replaced`, async () => {
    const toml = `listen = "127.0.0.1:0"\nwatch = true\n`;
    const { gateway, file, times, rewrite, stop } = await configured(target, toml);
    const reloaded = (count: number) =>
      until(`it has reloaded ${count} times`, () => times("info reloaded") - 1 >= count);
    rewrite(`${toml}max_sessions = 5\n`);
    await reloaded(1);
    rewrite(`${toml}max_sessions = 6\n`); // in steps: file_watch_test.ts
    await reloaded(2);
    // As an editor does, by a file of its own; and as Kubernetes does, by a link to another folder.
    writeFileSync(`${file}.new`, `${toml}max_sessions = 7\n`);
    renameSync(`${file}.new`, file);
    await reloaded(3);
    for (const version of ["1", "2"]) {
      mkdirSync(`${file}.${version}`);
      writeFileSync(join(`${file}.${version}`, "gate46.toml"), `${toml}max_sessions = 1${version}\n`);
    }
    symlinkSync(`${file}.1`, `${file}.data`);
    symlinkSync(join(`${file}.data`, "gate46.toml"), `${file}.link`);
    renameSync(`${file}.link`, file);
    await reloaded(4);
    symlinkSync(`${file}.2`, `${file}.next`);
    renameSync(`${file}.next`, `${file}.data`);
    await reloaded(5);
    const before = times("not reloaded");
    rmSync(file);
    await until("it misses the file", () => gateway.output().includes(`Cannot read ${file}: it is not there (ENOENT)`));
    await stop();
    assert.equal(times("not reloaded") - before, 1, "once, and not at each look");
    assert.equal(times("info reloaded") - 1, 5, gateway.output());
  });

  test(`reload, ${target.name}: a deleted or empty file is refused, and many signals cause few reloads`, async () => {
    const echo = await echoServer("127.0.0.1");
    const toml = `listen = "127.0.0.1:0"\nallow = "127.0.0.1"\n`;
    const { gateway, file, times, reload, rewrite, stop } = await configured(target, toml);
    await reload("\n", "not reloaded");
    assert.match(gateway.output(), /not reloaded problem="Cannot use \S+gate46.toml: it is empty now"/);
    rmSync(file);
    gateway.signal("SIGHUP");
    await until("it misses the file", () => gateway.output().includes(`Cannot read ${file}: it is not there (ENOENT)`));
    assert.equal(await replyOf(gateway.addrs[0]!, echo.addr), Reply.Succeeded);
    rewrite(toml);
    for (let i = 0; i < 100; i++) gateway.signal("SIGHUP");
    await until("it has reloaded", () => times("info reloaded") > 1);
    assert.equal(await replyOf(gateway.addrs[0]!, echo.addr), Reply.Succeeded);
    await stop();
    assert.ok(times("info reloaded") - 1 <= 50, `${times("info reloaded") - 1} reloads`);
    echo.close();
  });

  test(`reload, ${target.name}: users are added, removed and changed; open sessions stay`, async () => {
    const echo = await echoServer("127.0.0.1");
    const toml = (...users: readonly (readonly [string, string])[]) =>
      `listen = "127.0.0.1:0"\nallow = "127.0.0.1"\n` +
      users.map(([name, password]) => `[[users]]\nname = "${name}"\npassword = "${password}"\n`).join("");
    const { gateway, reload, stop } = await configured(target, toml(["ann", "one"], ["bob", "two"]));
    const enter = async (name: string, password: string) => {
      const client = await Tcp.to(gateway.addrs[0]!);
      client.write(concat(Uint8Array.of(5, 1, 2), credentials(name, password)));
      client.write(request(Command.Connect, echo.addr.host, echo.addr.port));
      await client.read(2);
      return (await client.read(2))[1] === 0 ? (await readReply(client), client) : undefined;
    };
    const ann = await enter("ann", "one"), bob = await enter("bob", "two");
    await reload(toml(["ann", "another"], ["cid", "three"]), "info reloaded");
    for (const client of [ann, bob]) await echoes(client!, 1);
    assert.equal(await enter("bob", "two"), undefined, "who is gone");
    assert.equal(await enter("ann", "one"), undefined, "whose password was changed");
    for (const [name, password] of [["ann", "another"], ["cid", "three"]]) (await enter(name!, password!))!.close();
    for (const client of [ann, bob]) client!.close();
    echo.close();
    await stop();
  });

  test(`drain, ${target.name}: the last reload sets the deadline`, async () => {
    const toml = (drain: string) => `listen = "127.0.0.1:0"\ndrain = "${drain}"\n`;
    const { gateway, reload, stop } = await configured(target, toml("30s"));
    await reload(toml("1s"), "info reloaded");
    await stop();
    assert.match(gateway.output(), /draining sessions=0 deadline=1\.000s/);
  });

  test(`reload, ${target.name}: --watch survives a symbolic link loop`, async () => {
    const toml = `listen = "127.0.0.1:0"\nwatch = true\n`;
    const { gateway, file, stop } = await configured(target, toml);
    rmSync(file);
    symlinkSync(file, file);
    await until(
      "it is told",
      () => gateway.output().includes(`Cannot read ${file}: its links lead in a circle (ELOOP)`),
    );
    assert.doesNotMatch(gateway.output(), /file_watch/);
    await stop();
  });

  test(`drain, ${target.name}: a reload is refused with a reason`, async () => {
    const echo = await echoServer("127.0.0.1");
    const { gateway, reload, stop } = await configured(target, `listen = "127.0.0.1:0"\nallow = "127.0.0.1"\n`);
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
    gateway.signal("SIGTERM");
    await until("it drains", () => gateway.output().includes("draining"));
    await reload("", `not reloaded problem="Cannot reload: the program is ending"`);
    await echoes(client, 1);
    client.close();
    echo.close();
    await gateway.exited;
    await stop();
  });

  test(`reload, ${target.name}: a file replaced by a FIFO is refused without waiting for a writer`, {
    skip: noFifo,
  }, async () => {
    const echo = await echoServer("127.0.0.1");
    const toml = `listen = ["127.0.0.1:0"]\nallow = ["127.0.0.1"]\n`;
    const { gateway, file, stop } = await configured(target, toml);
    rmSync(file);
    assert.equal(spawnSync("mkfifo", [file]).status, 0);
    gateway.signal("SIGHUP");
    await until(
      "it refuses",
      () => /not reloaded problem=".*: it is not a regular file; --config"/.test(gateway.output()),
    );
    assert.equal(await replyOf(gateway.addrs[0]!, echo.addr), Reply.Succeeded);
    await stop();
    echo.close();
  });

  test(
    `reload, ${target.name}: memory has large rules once, and frees the former rules`,
    { skip: noFigures },
    async () => {
      const names = Array.from({ length: 20_000 }, (_, i) => `"host${i}.ads.example.org"`).join(",\n");
      const toml = `listen = ["127.0.0.1:0"]\n[[rules]]\naction = "deny"\nnames = [${names}]\n`;
      const { gateway, reload, stop } = await configured(target, toml);
      const resident = () =>
        Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gateway.child.pid}/status`, "utf8"))![1]);
      const before = resident();
      for (let i = 0; i < 4; i++) await reload(toml, "info reloaded");
      const refused = async () => {
        const client = await Tcp.to(gateway.addrs[0]!);
        client.write(concat(greeting, request(Command.Connect, `host19999.ads.example.org`, 80)));
        await client.read(2);
        const { reply } = await readReply(client);
        client.close();
        return reply;
      };
      assert.equal(await refused(), Reply.NotAllowed);
      const times = resident() / before;
      assert.ok(times < 1.3, `${before} kB have become ${times.toFixed(2)} times as much`);
      await stop();
    },
  );

  test(`drain, ${target.name}: the log counts down, and a second signal ends the gateway at once`, async () => {
    const echo = await echoServer("127.0.0.1");
    const flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1", "--drain=600s"];
    const gateway = await start(target, flags, ["env", "GATE46_TEST_HASTE=10"]);
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
    gateway.signal("SIGTERM");
    await until("it counts down", () => /draining sessions=1 deadline=5\d\d\.\d+s/.test(gateway.output()));
    await echoes(client, 1);
    let ended = false;
    void gateway.exited.then(() => ended = true);
    await until("one that comes later ends it", () => {
      gateway.signal("SIGTERM");
      return ended;
    });
    assert.equal(await gateway.exited, 1);
    client.close();
    echo.close();
  });
}
