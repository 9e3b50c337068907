import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { MSG_PEEK, SO_SNDBUF, SOL_SOCKET } from "../../../src/net/kernel/libc/abi.ts";
import type { Libc } from "../../../src/net/kernel/libc/libc.ts";
import { Engine } from "../../../src/net/linux/engine/engine.ts";
import { dialTcp } from "../../../src/net/linux/tcp_dial.ts";
import { linuxRelay } from "../../../src/net/linux/tcp_relay.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import { refusingLibc } from "../../support/linux/refusing_libc.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";
import { pattern } from "../../support/wire/bytes.ts";
import { hash } from "../contract/stream.ts";

const libc = await openLibc();
const skip = skipped("stalled_relay_test.ts", libc ? false : "the Linux engine cannot run here");

const EMFILE = 24;

/** What the source says, and what a relay may keep of it in memory of this program. */
const SIZE = 200_000, HELD_SIZE = 16 << 10;

async function listening(connected: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer(connected);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as { port: number }).port };
}

/** That libc, and how many octets were received by it that were not handed on since. */
function counting(plain: Libc): { readonly libc: Libc; readonly held: () => number } {
  let held = 0;
  const count =
    <Parameters extends unknown[]>(sign: 1 | -1, call: (...args: Parameters) => number) => (...args: Parameters) => {
      const size = call(...args);
      if (size > 0 && args[3] !== MSG_PEEK) held += sign * size;
      return size;
    };
  const { recv, send, write } = plain;
  return {
    libc: { ...plain, recv: count(1, recv), send: count(-1, send), write: count(-1, write) },
    held: () => held,
  };
}

for (const [place, pipes] of [["in a pipe", true], ["in memory without pipes", false]] as const) {
  test(`bytes for a slow receiver wait ${place} and arrive unchanged`, { skip }, async () => {
    const { libc: counted, held } = counting(pipes ? libc! : refusingLibc(libc!, "pipe2", EMFILE));
    const engine = new Engine(counted, {
      fault(error) {
        throw error;
      },
    });
    let most = 0, over = false;
    const turn = () => {
      if (over) return;
      engine.turn(0);
      most = Math.max(most, held());
      setTimeout(turn, 0);
    };
    turn();
    const sent = pattern(SIZE);
    const heard: Uint8Array[] = [];
    let sinking: Socket | undefined;
    const source = await listening((socket) => socket.end(sent));
    const sink = await listening((socket) => sinking = socket.pause());
    const dial = ({ port }: { port: number }) => dialTcp(engine, { host: "127.0.0.1", port });
    const [from, to] = [await dial(source), await dial(sink)];
    libc!.setsockopt(to.fd, SOL_SOCKET, SO_SNDBUF, Uint8Array.of(0, 16, 0, 0), 4);
    const look = new Uint8Array(SIZE), coming = () => libc!.recv(from.fd, look, look.length, MSG_PEEK);
    await until("much has come", () => sinking !== undefined && coming() > 6 * HELD_SIZE);
    const relaying = linuxRelay(engine, from, to, { idleMs: 60_000, counts: { up: 0, down: 0 } });
    sinking!.on("data", (chunk) => heard.push(chunk as Uint8Array)).on("end", () => sinking!.end()).resume();
    assert.equal(await relaying, "end");
    over = true;
    assert.equal(hash(...heard), hash(sent));
    assert.equal(most > HELD_SIZE, !pipes, `${most} octets were held`);
    for (const { server } of [source, sink]) server.close();
    engine.dispose();
  });
}
