import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { start } from "../../support/program/program.ts";
import { runtime, scriptCommand } from "../../support/program/runtime.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";

// All other tests run the program in one file where that was made.
for (const engine of process.platform === "linux" ? ["linux", "portable"] : ["portable"]) {
  test(`${runtime} mod.ts --engine=${engine} serves from source`, async () => {
    const target = { name: "mod.ts", command: scriptCommand("mod.ts") };
    const gateway = await start(target, [
      `--engine=${engine}`,
      "--listen=127.0.0.1:0",
      "--admin=off",
      "--allow=127.0.0.0/8",
    ]);
    const echo = await echoServer("127.0.0.1");
    const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
    assert.equal(reply.reply, Reply.Succeeded);
    client.write(Uint8Array.of(46));
    assert.deepEqual([...await client.read(1)], [46]);
    client.close();
    echo.close();
    assert.equal(await gateway.stop(), 0);
  });
}
