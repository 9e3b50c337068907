import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "../../../src/admin/status.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { command, commandOf } from "../../support/program/command.ts";
import { programs, start, workers } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { onTerminal, type Terminal } from "../../support/program/terminal.ts";
import { until } from "../../support/program/until.ts";
import { hasPython } from "../../support/python/python.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";

const skip = skipped("commands_test.ts, a terminal", !hasPython && "no python3");

for (const target of programs) {
  test(`${target.name}: status, top, reload and drain do the same as the admin endpoint`, async () => {
    const folder = temporaryFolder("commands");
    const token = join(folder, "token"), config = join(folder, "gate46.toml");
    writeFileSync(token, "correct-horse-battery\n");
    const configured = (more: string) =>
      writeFileSync(config, `listen = "127.0.0.1:0"\nadmin_token_file = "token"\nallow = "127.0.0.1"\n${more}`);
    configured("");
    const echo = await echoServer("127.0.0.1");
    const gateway = await start(target, [`--config=${config}`, "--admin=127.0.0.1:0", ...workers(target, 2)]);
    const at = [`--config=${config}`, `--admin=127.0.0.1:${gateway.admin!.port}`];
    const { client } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
    client.write("four");
    await client.read(4);
    const said = async (...args: string[]) => {
      const { code, stdout, stderr } = await command([...args, ...at]);
      assert.deepEqual([code, stderr], [0, ""], args.join(" "));
      return stdout;
    };
    const state = /^gate46 \d+\.\d+\.\d+, (linux|portable) engine, \d+ workers?, up \d+ s, serving$/m;
    await until("status tells of the session", async () => /^1 session; /m.test(await said("status")));
    assert.match(await said("status"), state);
    assert.match(await said("status"), new RegExp(`^listening on 127\\.0\\.0\\.1:${gateway.addrs[0]!.port}$`, "m"));
    const status = JSON.parse(await said("status", "--json")) as Status;
    assert.deepEqual([status.sessionCount, status.sessions], [1, []]);

    const once = await said("top"); // its output is no terminal
    assert.match(once, state);
    assert.match(once, /^\d+ +127\.0\.0\.1:\d+ +- +connect +127\.0\.0\.1:\d+ +- +A +\d+ s +4 B +4 B +0 B +0 B$/m);
    assert.ok(!once.includes("quits") && !once.includes("\x1b"));

    let top: Terminal | undefined;
    if (!skip) {
      top = onTerminal([...target.command, "top", "--sort=age", ...at], { rows: 20, columns: 80 });
      await top.shows("\x1b[?1049h");
      await top.shows("a age*");
      top.type("b");
      await top.shows("b bytes*");
      await top.shows(/, up 0 B\/s, down 0 B\/s|; up 0 B\/s, down 0 B\/s/); // of the second look
      const watch = onTerminal([...target.command, "sessions", "--watch", ...at], { columns: 160 });
      await watch.shows(/127\.0\.0\.1:\d+ +- +connect.* - +-/);
      await watch.shows(/ A +\d+ s +4 B +4 B +0 B +0 B/); // of the second look
      watch.type("\x03");
      assert.equal(await watch.ended, 0);
    }

    assert.equal((await commandOf(target, ["reload", ...at])).stdout, "reloaded\n");
    configured('prefer = "ipv9"\n');
    const refused = await command(["reload", at[1]!, `--admin-token-file=${token}`]);
    assert.deepEqual([refused.code, refused.stdout], [1, "not reloaded: the gateway goes on as before\n"]);
    assert.match(refused.stderr, /^gate46: Cannot parse \S+gate46\.toml line 4: prefer.*\n$/);
    configured("");
    for (const name of ["reload", "drain"]) {
      const stranger = await command([name, at[1]!]);
      assert.deepEqual(stranger, {
        code: 1,
        stdout: "",
        stderr: "gate46: Cannot do that: the token is missing; give --admin-token-file, as for the gateway\n",
      });
    }
    assert.match(await said("drain"), /^it drains: /);
    await until("status tells of it", async () => /, draining, \d+ s left$/m.test(await said("status")));
    client.close();
    assert.equal(await gateway.exited, 0);
    if (top) {
      await top.shows(/! Cannot ask 127\.0\.0\.1:\d+: no gateway answers there/); // it may come back
      top.type("q");
      assert.equal(await top.ended, 0);
      const lines = top.shown().split("\x1b[K").map((line) => line.split("\x1b[H").at(-1)!.replace(/^[\r\n]+/, ""));
      assert.equal(Math.max(...lines.map((line) => line.length)), 80, "what is too long is cut");
      assert.ok(top.shown().endsWith("\x1b[?7h\x1b[?25h\x1b[?1049l"), "the terminal is as before");
    }
    const gone = await command(["top", ...at]);
    assert.deepEqual([gone.code, gone.stderr], [
      1,
      `gate46: Cannot ask 127.0.0.1:${gateway.admin!.port}: no gateway answers there\n`,
    ]);
    echo.close();
  });
}
