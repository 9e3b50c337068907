import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { run, start, threadedTargets, workers } from "../../support/program/program.ts";
import { Load } from "../../support/program/load.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("take_over_test.ts", await openLibc() ? false : "the Linux engine cannot run here");

for (const target of threadedTargets) {
  test(
    `upgrade, ${target.name}: a successor takes over the listeners, and no client is refused`,
    { skip },
    async () => {
      const echo = await echoServer("127.0.0.1");
      const flags = ["--allow=127.0.0.1", "--drain=100s", ...workers(target, 2)];
      let gateway = await start(target, [...flags, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]);
      const [addr] = gateway.addrs;
      const reach = async () => {
        const { client, reply } = await ask(addr!, Command.Connect, echo.addr.host, echo.addr.port);
        assert.equal(reply.reply, Reply.Succeeded);
        return client;
      };
      const lasting = await reach();
      const load = new Load(async () => {
        const client = await reach();
        client.write("?");
        assert.equal((await client.read(1)).length, 1);
        client.close();
      });
      for (let i = 0; i < 2; i++) {
        const predecessor = gateway;
        const { host, port } = addr!;
        const admin = predecessor.admin!;
        gateway = await start(target, [
          ...flags,
          `--listen=${host}:${port}`,
          `--admin=${admin.host}:${admin.port}`,
          `--take-over=${predecessor.child.pid}`,
        ]);
        await load.more("the successor serves");
        await until("it is told", () => /info handed over drains_in=1\.500s\n/.test(predecessor.output()));
        if (i > 0) assert.equal(await predecessor.exited, 0);
        else {
          lasting.write("!");
          assert.equal((await lasting.read(1)).length, 1);
          await until("the first waits for its last session", () => /draining sessions=1/.test(predecessor.output()));
          lasting.close();
          assert.equal(await predecessor.exited, 0);
        }
      }
      await load.stop();
      assert.equal(await gateway.stop(), 0);
      echo.close();
    },
  );

  test(`upgrade, ${target.name}: --take-over of a missing process is an error`, { skip }, async () => {
    const { code, stderr } = await run(target, ["--listen=127.0.0.1:0", "--admin=off", "--take-over=4194303"]);
    assert.equal(code, 2);
    assert.match(stderr, /Cannot take over from 4194303: no such process \(ESRCH\)/);
  });

  test(`upgrade, ${target.name}: --take-over does not end a process other than gate46`, { skip }, async () => {
    const other = spawn("sleep", ["60"]);
    const { code, stderr } = await run(target, ["--listen=127.0.0.1:0", "--admin=off", `--take-over=${other.pid}`]);
    assert.deepEqual([code, stderr.split("\n").at(-2)], [
      2,
      `gate46: Cannot take over from ${other.pid}: it is not gate46`,
    ]);
    assert.equal(other.exitCode ?? other.signalCode, null);
    other.kill();
  });
}
