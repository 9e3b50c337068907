import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Health } from "../../../src/admin/readiness.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import { receiveAt } from "../../support/wire/notify_socket.ts";
import { commandOf } from "../../support/program/command.ts";
import { start, threadedTargets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { cannotStopThreads, stopThread, workersOf } from "../../support/program/stopped_thread.ts";
import { echoServer } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped(
  "hung_worker_test.ts",
  await openLibc() ? cannotStopThreads() : "the Linux engine cannot run here",
);

/** A worker is missed after 2 s then, and all are taken for dead after 4. */
const inHaste = "GATE46_TEST_HASTE=5";

for (const target of threadedTargets) {
  test(
    `${target.name}: /readyz, /healthz, metrics and the page report hung workers, and the watchdog messages to systemd stop`,
    { skip },
    async () => {
      const folder = temporaryFolder("hung");
      const path = join(folder, "notify");
      const receiver = await receiveAt(path);
      const echo = await echoServer("127.0.0.1");
      const flags = ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--workers=2", "--allow=127.0.0.1"];
      const gateway = await start(target, flags, ["env", `NOTIFY_SOCKET=${path}`, "WATCHDOG_USEC=200000", inHaste]);
      const admin = `http://127.0.0.1:${gateway.admin!.port}`;
      const code = async (path: string) => (await fetch(`${admin}${path}`)).status;
      const health = async () => await (await fetch(`${admin}/readyz`)).json() as Health;
      const metric = async (name: string) => {
        const text = await (await fetch(`${admin}/metrics`)).text();
        return Number(new RegExp(`^gate46_${name} (\\d+)$`, "m").exec(text)?.[1]);
      };
      for (let i = 0; i < 20; i++) {
        const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
        assert.equal(reply.reply, Reply.Succeeded);
        client.socket.end();
        await client.rest();
      }
      const relayed = async () => await metric('relays_total{relay="A"}');
      await until("all are counted", async () => await relayed() === 20);

      const [one, other] = workersOf(gateway.child.pid!);
      const first = await stopThread(one!);
      await until("it is missed", async () => !(await health()).parts.workers.ok);
      await until("it alone is", async () => {
        const { ready, parts } = await health();
        return ready && parts.workers.detail === "1 of 2 silent";
      });
      assert.deepEqual([await code("/readyz"), await code("/healthz")], [200, 200]);
      assert.deepEqual([await metric("workers_silent"), await metric('part_ok{part="workers"}')], [1, 0]);
      assert.equal(await relayed(), 20, "and what it has counted is not forgotten");
      assert.match(await (await fetch(admin)).text(), /1 of 2 silent/);
      const admins = `--admin=127.0.0.1:${gateway.admin!.port}`;
      assert.match(
        (await commandOf(target, ["healthcheck", admins])).stdout,
        /^ready, 0 sessions\nworkers: 1 of 2 silent\n$/,
      );
      const said = receiver.said().split("WATCHDOG=1").length; // what was said before it was missed has long come

      const second = await stopThread(other!);
      await until("nobody is left", async () => await code("/readyz") === 503);
      assert.equal((await health()).state, "workers silent");
      await until("it is for dead", async () => await code("/healthz") === 503);
      assert.equal(receiver.said().split("WATCHDOG=1").length, said, "systemd was told nothing good since");

      for (const thread of [first, second]) thread.letGo();
      await until("all is well again", async () => (await health()).parts.workers.ok && await code("/healthz") === 200);
      await until("systemd hears of it", () => receiver.said().split("WATCHDOG=1").length > said);
      assert.equal(await relayed(), 20);
      assert.equal(await gateway.stop(), 0);
      receiver.stop();
      echo.close();
    },
  );

  test(`${target.name}: a hung worker delays neither a reload nor the end`, {
    skip,
  }, async () => {
    const gateway = await start(target, ["--listen=127.0.0.1:0", "--admin=off", "--workers=2", "--drain=0s"]);
    const hung = await stopThread(workersOf(gateway.child.pid!)[0]!);
    gateway.signal("SIGHUP");
    await until(
      "it is told",
      () => /not reloaded problem="Cannot reload: a worker does not/.test(gateway.output()),
    );
    gateway.signal("SIGTERM");
    await until("it ends", () => /info drained cut=0\n$/.test(gateway.output()));
    hung.letGo(); // as long as it is held the kernel keeps what has ended
    assert.equal(await gateway.exited, 0);
    assert.doesNotMatch(gateway.output(), /fault/);
  });
}
