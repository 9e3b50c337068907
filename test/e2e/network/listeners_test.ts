import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer, listenTcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("listeners_test.ts", process.platform !== "linux" && "needs Linux");

for (const target of targets) {
  test(`${target.name}: a listener on one address and one on all addresses share a port, also after a reload`, {
    skip,
  }, async () => {
    const folder = temporaryFolder("listeners");
    const file = join(folder, "gate46.toml");
    const free = await listenTcp("::", () => {});
    const { port } = free.addr;
    free.close();
    const configure = (...listen: readonly string[]) =>
      writeFileSync(file, `listen = ${JSON.stringify(listen)}\nopen = true\nadmin = "off"\nallow = ["127.0.0.0/8"]\n`);
    configure(`127.0.0.1:${port}`, `:${port}`, `127.0.0.1:${port}`);
    const gateway = await start(target, ["--admin=off", `--config=${file}`]);
    configure(`127.0.0.1:${port}`, `:${port}`, `[::1]:${port}`);
    gateway.signal("SIGHUP");
    await until("it is reloaded", () => /reloaded/.test(gateway.output()));
    assert.doesNotMatch(gateway.output(), /not reloaded/);
    const echo = await echoServer("127.0.0.1");
    for (const host of ["127.0.0.1", "127.0.0.2", "::1"]) {
      const { client, reply } = await ask({ host, port }, Command.Connect, "127.0.0.1", echo.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      client.close();
    }
    echo.close();
    assert.equal(await gateway.stop(), 0);
  });
}
