import assert from "node:assert/strict";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Health } from "../../../src/admin/readiness.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { executables, programs, run, start, targets } from "../../support/program/program.ts";
import { ask, credentials, readReply, request } from "../../support/wire/socks.ts";
import { echoServer, refuses, Tcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const folder = temporaryFolder("program");
const server = await echoServer("127.0.0.1");
after(() => server.close());
const local = ["--listen=127.0.0.1:0", "--allow=127.0.0.0/8"];

for (const target of targets) {
  const name = (what: string) => `${target.name}: ${what}`;

  test(name("a port in use is an error in one line, with exit code 1"), async () => {
    const taken = `127.0.0.1:${server.addr.port}`;
    const said = async (...flags: string[]) => {
      const { code, stderr } = await run(target, flags);
      return [code, stderr.trim().split("\n").at(-1)];
    };
    const state = "the port is taken (EADDRINUSE); choose another";
    assert.deepEqual(await said(`--listen=${taken}`, "--admin=off"), [
      1,
      `gate46: Cannot listen for --listen on ${taken}: ${state}`,
    ]);
    assert.deepEqual(await said("--listen=127.0.0.1:0", `--admin=${taken}`), [
      1,
      `gate46: Cannot listen for --admin on ${taken}: ${state}, or --admin off`,
    ]);
  });

  test(name("SIGTERM drains: a session finishes, new sessions are refused, the exit code is 0"), async () => {
    const gateway = await start(target, [...local, "--admin=127.0.0.1:0"]);
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
    gateway.signal("SIGTERM");
    await until("it drains", () => gateway.output().includes("draining"));
    await until("nobody new is let in", () => refuses(gateway.addrs[0]!)); // each worker closes its listener
    assert.equal((await fetch(`http://127.0.0.1:${gateway.admin!.port}/readyz`)).status, 503);
    client.write("still served");
    assert.equal(new TextDecoder().decode(await client.read(12)), "still served");
    client.close();
    assert.equal(await gateway.exited, 0);
    assert.match(gateway.output(), /drained cut=0/);
  });

  test(name("the drain has a deadline"), async () => {
    const patient = await start(target, [...local, "--admin=off", "--drain=100ms"]);
    await ask(patient.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
    patient.signal("SIGINT");
    assert.equal(await patient.exited, 0);
    assert.match(patient.output(), /end=drained/);
    assert.match(patient.output(), /info drained cut=1\n/);
  });

  test(
    name(
      "a second signal cuts the sessions with a log line; a duplicate at the same moment as the first does not",
    ),
    async () => {
      const hurried = await start(target, [...local, "--admin=off"]);
      const { client } = await ask(hurried.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
      hurried.signal("SIGTERM");
      await until("it drains", () => hurried.output().includes("draining"));
      hurried.signal("SIGTERM"); // as timeout(1) sends it twice
      let ended = false;
      void hurried.exited.then(() => ended = true);
      await until("one sent later ends it", () => {
        hurried.signal("SIGTERM");
        return ended;
      });
      assert.equal(await hurried.exited, 1);
      assert.match(hurried.output(), /end=drained/);
      assert.match(hurried.output(), /info drained cut=1\n/);
      client.close();
    },
  );

  test(name("the admin endpoint serves health and metrics"), async () => {
    const gateway = await start(target, [...local, "--admin=127.0.0.1:0", "--log-format=json"].map(String));
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
    client.write("four");
    await client.read(4);
    const get = (path: string) => fetch(`http://127.0.0.1:${gateway.admin!.port}${path}`);
    const health = await get("/healthz");
    assert.equal(health.headers.get("content-length"), "14"); // and no stream, which keeps who does not read it
    assert.deepEqual(await health.json(), { alive: true });
    await until(
      "it is ready",
      async () => (await fetch(`http://127.0.0.1:${gateway.admin!.port}/readyz`)).status === 200,
    );
    const { parts, ...readyz } = await (await get("/readyz")).json() as Health;
    assert.deepEqual(readyz, { ready: true, state: "ready", sessions: 1 });
    assert.deepEqual([parts.listeners.ok, parts.workers.ok, parts.draining], [true, true, false]);
    await until("octets are counted while it runs", async () => {
      return (await (await get("/metrics")).text()).includes('gate46_bytes_total{relay="A",direction="up"} 4');
    });
    const old = await Tcp.to(gateway.admin!); // HAProxy's health check has no Host
    old.write("GET /readyz HTTP/1.0\r\n\r\n");
    assert.match(new TextDecoder().decode(await old.read(15)), /^HTTP\/1\.[01] 200/);
    old.close();
    client.close();
    await until("the session is counted", async () => {
      const text = await (await get("/metrics")).text();
      return text.includes('gate46_relays_total{relay="A"} 1') &&
        text.includes('gate46_replies_total{command="connect",reply="00 succeeded"} 1');
    });
    await gateway.stop();
    const lines = gateway.output().trim().split("\n").map((line) => JSON.parse(line));
    const session = lines.find(({ message }) => message === "session");
    assert.deepEqual([session.command, session.relay, session.up, session.down], ["connect", "A", 4, 4]);
  });
}

for (const target of programs) {
  const name = (what: string) => `${target.name}: ${what}`;

  // Others, without a start for each: main_test.ts.
  const wrong: readonly (readonly [string[], string])[] = [
    [["--lisen", ":1"], "unknown option '--lisen' (Did you mean --listen?)"],
    [["--users-file", "/nowhere/users"], "Cannot read /nowhere/users: it is not there (ENOENT); --users-file"],
    [["--config", "/nowhere/toml"], "Cannot read /nowhere/toml: it is not there (ENOENT); --config"],
  ];
  test(name("each wrong flag is an error in one line, with exit code 2"), async () => {
    for (const [args, message] of wrong) {
      const { code, stdout, stderr } = await run(target, args);
      assert.deepEqual([code, stdout, stderr], [2, "", `gate46: ${message}\n`]);
    }
  });

  test(name("users: the hashed password works, a wrong password does not, and the log has neither"), async () => {
    const file = join(folder, `users-${target.name.replaceAll("/", "-")}`);
    for (
      const [name, password, refused] of [["ann", "open\0sesame", /the password/], [
        "\ufeffann",
        "x",
        /the name/,
      ]] as const
    ) {
      const { code, stderr } = await run(target, ["hash-password", name], `${password}\n`);
      assert.equal(code, 2);
      assert.match(stderr, refused);
    }
    const made = await run(target, ["hash-password", "ann", `--into=${file}`], "open sesame\n");
    assert.deepEqual(made, { code: 0, stdout: "", stderr: "" });
    assert.equal(statSync(file).mode & 0o777, 0o600, "a shell's >> would have made it 0644");
    chmodSync(file, 0o640);
    assert.equal((await run(target, ["hash-password", "bert", `--into=${file}`], "open sesame\n")).code, 0);
    assert.equal(statSync(file).mode & 0o777, 0o640, "a file that is there stays as it is");
    assert.match((await run(target, ["hash-password", "ann"], "open sesame\n")).stdout, /^ann:\S+\n$/);
    const gateway = await start(target, [...local, "--admin=off", `--users-file=${file}`, "--user=bob:hunter22"]);
    assert.match(gateway.output(), /methods=.?username\/password/);
    for (
      const [user, password, status] of [["ann", "open sesame", 0], ["bob", "hunter22", 0], ["ann", "hunter22", 1], [
        "eve",
        "swordfish",
        1,
      ]] as const
    ) {
      const client = await Tcp.to(gateway.addrs[0]!);
      client.write(Uint8Array.of(5, 2, 0, 2));
      assert.deepEqual(await client.read(2), Uint8Array.of(5, 2));
      client.write(credentials(user, password));
      assert.deepEqual(await client.read(2), Uint8Array.of(1, status));
      if (status === 0) {
        client.write(request(Command.Connect, "127.0.0.1", server.addr.port));
        assert.equal((await readReply(client)).reply, Reply.Succeeded);
      }
      client.close();
    }
    await gateway.stop();
    assert.match(gateway.output(), /user=eve .*end=authentication-failed/);
    assert.ok(gateway.output().trim().split("\n").every((line) => /^\S+ (info|warning) /.test(line)), gateway.output());
    assert.doesNotMatch(gateway.output(), /sesame|hunter22|swordfish|every user of this machine can read/);
  });
}

for (const target of executables) {
  const name = (what: string) => `${target.name}: ${what}`;

  test(name("--version and --help print their text and exit with 0"), async () => {
    assert.match((await run(target, ["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
    const { code, stdout } = await run(target, ["--help"]);
    assert.equal(code, 0);
    for (const flag of ["--listen", "--users-file", "--from", "--open", "--allow", "hash-password"]) {
      assert.ok(stdout.includes(flag), flag);
    }
  });

  // From source the runtimes read what they like.
  test(name("the executables ignore .env, bunfig.toml and deno.json of the working directory"), async () => {
    writeFileSync(join(folder, ".env"), "GATE46_TEST=1\nNODE_OPTIONS=--nonsense\n");
    writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./missing.ts"]\n');
    writeFileSync(join(folder, "deno.json"), "not json");
    assert.equal((await run(target, ["--version"], "", folder)).code, 0);
  });
}
