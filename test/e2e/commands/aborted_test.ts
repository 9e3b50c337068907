import assert from "node:assert/strict";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { start, targets } from "../../support/program/program.ts";
import { hasPython, PythonPeer } from "../../support/python/python.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";

const ABORTED = 100;
const skip = skipped("aborted connections", !hasPython && "no python3");

for (const target of targets) {
  test(
    `${target.name}: ${ABORTED} connections reset before accept() do not delay later clients`,
    { skip },
    async () => {
      const gateway = await start(target, ["--listen=127.0.0.1:0", "--allow=127.0.0.0/8", "--admin=off"]);
      const server = await echoServer("127.0.0.1");
      const peer = new PythonPeer();
      // Stopped, it cannot accept any of them in time.
      gateway.signal("SIGSTOP");
      for (let i = 0; i < ABORTED; i++) await peer.connectAndReset(gateway.addrs[0]!);
      gateway.signal("SIGCONT");
      const before = performance.now();
      const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
      assert.equal(reply.reply, Reply.Succeeded);
      const ms = performance.now() - before;
      for (const end of [client, peer, server]) end.close();
      assert.equal(await gateway.stop(), 0);
      // A pause after each, as after an accept that fails, would come to 10 s.
      assert.ok(ms < 9_000, `the next client waited ${Math.round(ms)} ms`);
      assert.doesNotMatch(gateway.output(), /accept failed/); // which is for what a person can do something about
    },
  );
}
