import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { start, targets } from "../support/program.ts";
import { skipped } from "../support/skipped.ts";
import { Tcp } from "../support/tcp.ts";
import { until } from "../support/until.ts";

const DESCRIPTORS = 300;

for (const target of targets) {
  // Where they are told, some are kept from clients.
  const untold = target.name === "deno mod.ts, portable engine" && "sockets of Deno do not tell their numbers";
  const skip = skipped("descriptors_test.ts", process.platform === "linux" ? untold : "this is no Linux");

  test(`${target.name}: clients who take all descriptors end nothing, and whoever asks is told`, { skip }, async () => {
    const gateway = await start(target, ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"], [
      "sh",
      "-c",
      `ulimit -n ${DESCRIPTORS}; exec "$@"`,
      "sh",
    ]);
    const clients = await Promise.all(Array.from({ length: 500 }, () => Tcp.to(gateway.addrs[0]!)));
    const code = async (path: string) => (await fetch(`http://127.0.0.1:${gateway.admin!.port}${path}`)).status;
    await until("clients find none left", () => gateway.output().includes("accept failed"));
    await until("others should take the clients", async () => await code("/readyz") === 503);
    assert.equal(await code("/healthz"), 200);
    for (const client of clients) client.close();
    await until("all is well again", async () => await code("/readyz") === 200, 30_000);
    assert.equal(await gateway.stop(), 0);
  });
}
