import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { executables, portable, source, start } from "../../support/program/program.ts";
import { runtime } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { listenTcp } from "../../support/wire/tcp.ts";
import { until } from "../../support/program/until.ts";

/** Octets that one may cost, of which some are the session's own. */
const DOWNLOADS = 32, LIMIT = 400 << 10;

/** Deno's own sockets read into buffers of 256 KiB, which it lets go when it likes. */
const DENO_LIMIT = 640 << 10;

/** More than the kernel's buffers on the way take. */
const flood = new Uint8Array(32 << 20);

const noFigures = skipped("stalled_test.ts", !existsSync("/proc/self/status") && "memory is not told in /proc");

for (const target of [source, portable, ...executables]) {
  const limit = target === portable && runtime === "deno" ? DENO_LIMIT : LIMIT;
  test(
    `${target.name}: a download whose client has stopped reading takes less than ${limit >> 10} KiB of memory`,
    { skip: noFigures },
    async () => {
      const servers: Socket[] = [];
      const server = await listenTcp("127.0.0.1", ({ socket }) => {
        servers.push(socket);
        socket.write(flood);
      });
      const gateway = await start(target, ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1"]);
      const resident = () =>
        Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gateway.child.pid}/status`, "utf8"))![1]) * 1_024;
      const download = async () => {
        const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, server.addr.host, server.addr.port);
        assert.equal(reply.reply, Reply.Succeeded);
        client.socket.pause();
        return client;
      };
      const clients = [await download()];
      const before = resident();
      while (clients.length <= DOWNLOADS) clients.push(await download());
      let moved = -1;
      await until("nothing moves any more", async () => {
        const last = moved;
        await new Promise((resolve) => setTimeout(resolve, 300));
        moved = servers.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
        return moved === last;
      });
      let each = Infinity; // a runtime on a busy machine lets go of what it has read when it gets to it
      await until(`each costs less than ${limit} octets`, () => {
        each = (resident() - before) / DOWNLOADS;
        return each < limit;
      });
      console.log(`${target.name}: a stalled download costs ${Math.round(each / 1_024)} KiB`);
      for (const client of clients) client.close();
      await gateway.stop();
      server.close();
    },
  );
}
