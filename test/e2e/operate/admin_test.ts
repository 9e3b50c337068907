import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { Past } from "../../../src/admin/history/history.ts";
import type { Series } from "../../../src/admin/history/series.ts";
import type { Status } from "../../../src/admin/status.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { serveHttp } from "../../../src/net/open.ts";
import { commandOf } from "../../support/program/command.ts";
import { programs, shell, start, targets, workers } from "../../support/program/program.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer, listenTcp, Tcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until, within } from "../../support/program/until.ts";

for (const target of targets) {
  test(`${target.name}: sessions lists and ends sessions, and healthcheck reports the health`, async () => {
    const folder = temporaryFolder("admin");
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, "correct-horse-battery\n");
    const echo = await echoServer("127.0.0.1");
    const listen = [
      "--listen=127.0.0.1:0",
      "--admin=127.0.0.1:0",
      "--allow=127.0.0.1",
      `--admin-token-file=${tokenFile}`,
      ...workers(target, 2),
    ];
    const gateway = await start(target, listen);
    const clients = await Promise.all(Array.from({ length: 5 }, async () => {
      const { client } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
      client.write("four");
      await client.read(4);
      return client;
    }));
    const at = [`--admin=127.0.0.1:${gateway.admin!.port}`, `--admin-token-file=${tokenFile}`];
    const headers = { authorization: "Bearer correct-horse-battery" };
    const list = async () => {
      const status = await fetch(`http://127.0.0.1:${gateway.admin!.port}/api/status`, { headers });
      return (await status.json() as Status).sessions;
    };
    const whole = async (count: number) => {
      const all = await list();
      return all.length === count && all.every(({ up }) => up === 4);
    };
    await until("all are listed", () => whole(5)); // a worker may be late to answer
    const all = JSON.parse((await commandOf(target, ["sessions", "--json", ...at])).stdout) as Status["sessions"];
    assert.ok(all.length > 0 && all.every(({ destination }) => destination === `127.0.0.1:${echo.addr.port}`));
    const { stdout } = await commandOf(target, ["sessions", ...at]);
    assert.match(stdout, /^ID +CLIENT +USER +COMMAND +DESTINATION +VIA +TYPE +AGE +UP +DOWN +UP\/s +DOWN\/s\n/);
    assert.match(stdout, /127\.0\.0\.1:\d+ +- +connect +127\.0\.0\.1:\d+ +- +A +\d+ s +4 B +4 B +0 B +0 B\n/);

    const ended = await commandOf(target, ["sessions", "end", String(all[0]!.id), ...at]);
    assert.deepEqual([ended.code, ended.stderr], [0, ""]);
    await until("it is gone", async () => (await list()).length === 4);
    await until("the log says so", () => /end=ended-by-operator/.test(gateway.output()));
    const again = await commandOf(target, ["sessions", "end", String(all[0]!.id), ...at]);
    assert.deepEqual([again.code, again.stderr], [1, `gate46: Cannot end session ${all[0]!.id}: there is none\n`]);
    writeFileSync(tokenFile, "another-horse-battery\n");
    const stranger = await commandOf(target, ["sessions", ...at]);
    assert.deepEqual([stranger.code, stranger.stderr], [
      1,
      "gate46: Cannot do that: --admin-token-file has another token\n",
    ]);

    const remembered = async () => {
      const answer = await fetch(`http://127.0.0.1:${gateway.admin!.port}/api/history`, { headers });
      const { values } = await answer.json() as Past;
      const sum = (series: Series) => Math.round(values[series].reduce((sum, value) => sum + value, 0));
      return [sum("clients"), sum("A-up"), sum("dials")];
    };
    await until("the history has all of that", async () => isDeepStrictEqual(await remembered(), [5, 20, 1]));
    assert.match(gateway.output(), / operator by=127\.0\.0\.1 action="end session \d+" result="1 ended"\n/);

    const healthy = await commandOf(target, ["healthcheck", ...at]);
    assert.deepEqual([healthy.code, healthy.stdout], [0, "ready, 4 sessions\n"]);
    gateway.signal("SIGTERM");
    await until("it drains", () => gateway.output().includes("draining"));
    const draining = await commandOf(target, ["healthcheck", ...at]);
    assert.deepEqual([draining.code, draining.stdout], [1, "draining, 4 sessions\n"]);
    writeFileSync(tokenFile, "correct-horse-battery\n");
    const nobody = [[["user", "ann"], 0], [["client", "192.0.2.1"], 0]] as const;
    for (const [whose, count] of [...nobody, [["client", "127.0.0.1"], 4]] as const) {
      const { code, stdout } = await commandOf(target, ["sessions", "end", ...whose, ...at]);
      assert.deepEqual([code, stdout], [0, `${count} ended\n`], whose.join(" "));
    }
    for (const client of clients) await client.rest().catch(() => {});
    assert.equal(await gateway.exited, 0);
    assert.doesNotMatch(gateway.output(), /horse/);
    echo.close();
  });
}

for (const target of programs) {
  test(`${target.name}: a reload applies a new admin token, and refuses a wrong one`, async () => {
    const folder = temporaryFolder("token");
    const file = join(folder, "gate46.toml"), [first, second] = [join(folder, "first"), join(folder, "second")];
    const configure = (more: string, admin = "127.0.0.1:0") =>
      writeFileSync(file, `listen = "127.0.0.1:0"\nadmin = "${admin}"\n${more}`);
    const named = (token: string, more = "") => configure(`admin_token_file = "${token}"\n${more}`);
    const tokens = [
      "correct-horse-battery",
      "another-horse-battery",
      "a-third-horse-battery",
      "the-last-horse-battery",
    ];
    writeFileSync(first, tokens[0]!);
    named(first);
    const gateway = await start(target, [`--config=${file}`]);
    const { port } = gateway.admin!;
    const as = async (token: string | undefined, method = "GET", path = "/api/status") => {
      const headers = { ...token !== undefined && { authorization: `Bearer ${token}` } };
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
      await answer.body?.cancel();
      return answer.status;
    };
    const takes = async (right: number) => {
      for (const [i, token] of tokens.entries()) assert.equal(await as(token), i === right ? 200 : 401, token);
    };
    const after = async (ask: () => unknown, what: string) => {
      const times = () => gateway.output().split(what).length;
      const before = times();
      await ask();
      await until(`it says '${what}'`, () => times() > before); // the line may come after the answer
    };
    const reload = (what: string) => after(() => gateway.signal("SIGHUP"), what);
    const reloadBy = (token: string | undefined) =>
      after(async () => assert.equal(await as(token, "POST", "/reload"), 200), "info reloaded");
    await takes(0);

    writeFileSync(first, `${tokens[1]}\n`);
    await takes(0);
    await reload("info reloaded");
    await takes(1);
    const at = [`--admin=127.0.0.1:${port}`, `--admin-token-file=${first}`];
    assert.equal((await commandOf(target, ["sessions", ...at])).code, 0);
    assert.deepEqual(await commandOf(target, ["sessions", at[0]!]), {
      code: 1,
      stdout: "",
      stderr: "gate46: Cannot do that: the token is missing; give --admin-token-file, as for the gateway\n",
    });

    writeFileSync(first, "short");
    await reload(`not reloaded problem="Cannot use ${first}: no token`);
    writeFileSync(first, `${tokens[2]}\n`);
    named(first, "max_sessions = 0\n");
    await reload("not reloaded problem=");
    await takes(1);
    configure(`admin_token_file = "${first}"\n`, "127.0.0.2:0");
    await reload('not reloaded problem="Cannot change admin: that needs a restart"');
    await takes(1);

    writeFileSync(second, tokens[3]!);
    named(second);
    await reloadBy(tokens[1]);
    await takes(3);

    configure("");
    await reloadBy(tokens[3]);
    assert.deepEqual([await as(undefined), await as(tokens[3], "POST", "/drain")], [200, 403]);
    named(second);
    await reload("info reloaded");
    await takes(3);
    assert.deepEqual([await as(undefined, "POST", "/drain"), await as(tokens[3], "POST", "/drain")], [401, 202]);
    assert.equal(await gateway.exited, 0);
    assert.doesNotMatch(gateway.output(), /horse/);

    const watching = await start(target, ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--watch", at[1]!], [
      "env",
      "GATE46_TEST_HASTE=20",
    ]);
    writeFileSync(first, tokens[0]!);
    await until("it has seen that", () => watching.output().includes("info reloaded"));
    const there = [`--admin=127.0.0.1:${watching.admin!.port}`, at[1]!];
    assert.equal((await commandOf(target, ["sessions", ...there])).code, 0);
    assert.equal(await watching.stop(), 0);
  });
}

for (const target of programs) {
  test(`${target.name}: a silent or incomplete admin request does not delay the end`, async () => {
    const gateway = await start(target, ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]);
    const silent = await Tcp.to(gateway.admin!), slow = await Tcp.to(gateway.admin!);
    slow.write("GET /healthz HT");
    assert.equal((await fetch(`http://127.0.0.1:${gateway.admin!.port}/healthz`)).status, 200);
    assert.equal(await within("its end", gateway.stop()), 0);
    for (const client of [silent, slow]) client.close();
  });
}

for (const target of programs) {
  test(`${target.name}: a long list of sessions is complete when a slow reader reads it from a pipe`, async () => {
    const sessions = Array.from(
      { length: 5_000 },
      (_, id) => ({ id, client: "192.0.2.1:1", ageMs: 0, up: 0, down: 0 }),
    );
    const server = await serveHttp({ host: "127.0.0.1", port: 0 }, { fetch: () => Response.json({ sessions }) });
    const late = ["sh", "-c", '"$@" | { sleep 1; cat; }', "sh"]; // who reads when the program has long written
    const { stdout } = await shell([...late, ...target.command, "sessions", `--admin=127.0.0.1:${server.addr.port}`]);
    assert.equal(stdout.split("\n").length, 5_002);
    await server.close();
  });

  test(`${target.name}: an answer of another server, or half an answer, is an error in one line`, async () => {
    const answers = { "{}": 2, '{"parts":': 99 };
    for (const [body, size] of Object.entries(answers)) {
      const server = await listenTcp("127.0.0.1", async (client) => {
        await client.read(1);
        client.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${body}`);
        client.socket.end();
      });
      const commands = [["healthcheck"], ["sessions"], ["sessions", "end", "3"]];
      for (const command of size > 2 ? commands.slice(0, 1) : commands) {
        const { code, stdout, stderr } = await commandOf(target, [...command, `--admin=127.0.0.1:${server.addr.port}`]);
        assert.deepEqual([code, stdout], [1, ""]);
        if (target.name === "gate46-deno" && size > 2) continue; // Deno 2.4's node:http ends the program itself
        assert.match(stderr, /^gate46: Cannot .*(the server there may not be gate46|its answer is incomplete)\n$/);
      }
      server.close();
    }
  });

  test(`${target.name}: a closed pipe on standard output is not an error`, async () => {
    const closed = ["sh", "-c", '{ sleep 0.1; "$@"; echo "code $?" >&2; } | true', "sh"];
    for (const args of [["--help"], ["config"], ["completion", "bash"]]) {
      assert.equal((await shell([...closed, ...target.command, ...args])).stderr, "code 0\n", args[0]);
    }
  });
}
