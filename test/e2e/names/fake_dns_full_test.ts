import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import process from "node:process";
import { test } from "node:test";
import { encode } from "dns-packet";
import { openNet } from "../../../src/net/open.ts";
import { freePort } from "../../support/network/free_port.ts";
import { start, threadedTargets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const noRoot = skipped(
  "a full fake DNS",
  (process.platform !== "linux" || process.getuid?.() !== 0) && "transparent:// needs root on Linux",
);

for (const target of threadedTargets) {
  test(`fake DNS, ${target.name}: the log has one line when no address is free`, { skip: noRoot }, async () => {
    const net = await openNet(), port = await freePort(net);
    const gateway = await start(target, [
      `--listen=transparent://127.0.0.1:${await freePort(net)}`,
      `--fake-dns=127.0.0.1:${port}`,
      "--fake-ipv4=198.18.0.0/24",
      "--from=127.0.0.0/8",
      "--admin=off",
    ]);
    const client = createSocket("udp4");
    let refused = 0, asked = 0;
    const askNext = () => {
      const name = `n${asked++}.test`;
      client.send(encode({ type: "query", id: 46, questions: [{ type: "A", name }] }), port, "127.0.0.1");
    };
    client.on("message", (answer) => {
      if ((answer[3]! & 15) === 2) refused++;
      askNext();
    });
    askNext();
    await until("20 names have no address", () => refused >= 20);
    client.close();
    await gateway.stop();
    const told = gateway.output().split("\n").filter((line) => line.includes("no fake address for a name"));
    assert.equal(told.length, 1, gateway.output());
    assert.match(told[0]!, /warning .*client=127\.0\.0\.1 .*all 254 fake addresses are in use/);
  });
}
