import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Command } from "../../../src/protocol/codes.ts";
import { type Program, source, start } from "../../support/program/program.ts";
import { ask } from "../../support/wire/socks.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

/** Sessions at a time, and how many in all. */
const LANES = 16, SESSIONS = 400;

/** Who waits for an upstream that is gone takes as long (ms), and all others far less. */
const DIAL_MS = 90_000;

test(
  "an upstream is killed under load: all sessions succeed through the other upstream, and none hangs",
  { timeout: 120_000 },
  async () => {
    const server = createServer((socket) => socket.on("error", () => {}).end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const running: Program[] = [];
    const run = async (...flags: string[]) => {
      const program = await start(source, ["--listen=127.0.0.1:0", "--admin=off", "--workers=1", ...flags]);
      running.push(program);
      return program;
    };
    try {
      const [one, other] = [await run("--allow=127.0.0.0/8"), await run("--allow=127.0.0.0/8")];
      const url = (program: Program) => `socks5://127.0.0.1:${program.addrs[0]!.port}`;
      const config = join(temporaryFolder("upstream"), "gate46.toml");
      writeFileSync(
        config,
        `
[[upstreams]]
name = "either"
chains = ["${url(one)}", "${url(other)}"]
policy = "round-robin"
[[rules]]
action = "allow"
to = "127.0.0.1"
via = "either"
`,
      );
      const gateway = await run(`--config=${config}`, "--probe-interval=500ms", `--dial-timeout=${DIAL_MS}ms`);
      const replies = new Map<number, number>();
      let begun = 0, slowest = 0;
      const lane = async () => {
        while (begun++ < SESSIONS) {
          const startedAt = performance.now();
          const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", port);
          replies.set(reply.reply, (replies.get(reply.reply) ?? 0) + 1);
          client.close();
          slowest = Math.max(slowest, performance.now() - startedAt);
          if (begun === SESSIONS / 4) one.signal("SIGKILL");
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      assert.deepEqual(Array.from(replies), [[0, SESSIONS]]);
      assert.ok(slowest < DIAL_MS, `a session took ${slowest} ms`);
      const told = () =>
        gateway.output().split("\n").filter((line) => /upstream down/.test(line) && line.includes(url(one)));
      await until("it is told", () => told().length > 0);
      assert.equal(told().length, 1);
    } finally {
      for (const program of running) program.signal("SIGKILL");
      server.close();
    }
  },
);
