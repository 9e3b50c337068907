import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { describe, test } from "node:test";
import { Engine } from "../../../src/net/linux/engine/engine.ts";
import { dialTcp } from "../../../src/net/linux/tcp_dial.ts";
import { linuxRelay } from "../../../src/net/linux/tcp_relay.ts";
import { LinuxUdpSocket } from "../../../src/net/linux/udp_socket.ts";
import { EAGAIN } from "../../../src/net/kernel/libc/errno.ts";
import type { Libc } from "../../../src/net/kernel/libc/libc.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { openKernel } from "../../../src/net/open.ts";
import { skipped } from "../../support/program/skipped.ts";

const libc = await openKernel();
const noEngine = skipped("turns_test.ts", !libc && "this is not Linux, or libc cannot be called from here");

const anywhere = { host: "127.0.0.1", port: 0 };

/** An engine that turns when told to, with what it and its sockets ask the kernel for. */
function turned() {
  const calls = { splice: 0, events: 0, refusals: 0 };
  const counting = {
    ...libc!,
    splice: (...args: Parameters<Libc["splice"]>) => (calls.splice++, libc!.splice(...args)),
    epoll_wait(...args: Parameters<Libc["epoll_wait"]>) {
      const count = libc!.epoll_wait(...args);
      calls.events += count;
      return count;
    },
    // The next sends find no room, `refusals` times.
    sendmmsg: (...args: Parameters<Libc["sendmmsg"]>) => calls.refusals > 0 ? -1 : libc!.sendmmsg(...args),
    errno: () => calls.refusals > 0 ? (calls.refusals--, EAGAIN) : libc!.errno(),
  };
  const engine = new Engine(counting, {
    fault(error) {
      throw error;
    },
  });
  /** One turn, and all that is asked for by promises then. */
  const turn = async () => {
    engine.turn(0);
    await setImmediate();
  };
  return { engine, calls, turn };
}

async function listening(connected: (socket: Socket) => void): Promise<{ server: Server; addr: SocketAddr }> {
  const server = createServer(connected);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, addr: { host: "127.0.0.1", port: (server.address() as { port: number }).port } };
}

describe("In one turn of the engine", { skip: noEngine }, () => {
  test("one bulk step runs, at most eight in a row for one task, and short work runs between them", async () => {
    const { engine, turn } = turned();
    const done: string[] = [];
    for (const name of ["a", "b"]) {
      let left = 12;
      engine.atLeisure({
        step() {
          done.push(name);
          engine.later(() => done.push("-"));
          return --left > 0;
        },
      });
    }
    for (let i = 0; i < 25; i++) await turn();
    assert.equal(done.join(""), "a-".repeat(8) + "b-".repeat(8) + "a-".repeat(4) + "b-".repeat(4));
    engine.dispose();
  });

  test("the answer to a short request goes before a bulk step", () => {
    const engine = new Engine(libc!, { fault: (error) => assert.fail(String(error)) });
    const done: string[] = [], one = new Uint8Array(new BigUint64Array([1n]).buffer);
    const answer = engine.wakeFd(() => done.push("answer"));
    const request = engine.wakeFd(() => {
      done.push("request");
      engine.passedShort = true;
      libc!.write(answer, one, 8);
    });
    engine.atLeisure({ step: () => (done.push("bulk"), false) });
    libc!.write(request, one, 8);
    engine.turn(0);
    assert.deepEqual(done, ["request", "answer", "bulk"]);
    engine.dispose();
  });

  test("an exception of a bulk step is reported, and the other steps continue", () => {
    const faults: unknown[] = [];
    const engine = new Engine(libc!, { fault: (error) => void faults.push(error) });
    let steps = 0;
    engine.atLeisure({
      step() {
        throw new Error("a fault");
      },
    });
    engine.atLeisure({ step: () => ++steps < 3 });
    for (let i = 0; i < 5; i++) engine.turn(0);
    assert.deepEqual([faults.length, steps], [1, 3]);
    engine.dispose();
  });

  test("a relay moves bulk data once, into a pipe and out of it", async () => {
    const { engine, calls, turn } = turned();
    const size = 48 << 20;
    const source = await listening((socket) => socket.end(new Uint8Array(size)));
    let came = 0;
    const sink = await listening((socket) =>
      socket.on("data", (chunk) => came += chunk.length).on("end", () => socket.end())
    );
    const dialled = Promise.all([source, sink].map(({ addr }) => dialTcp(engine, addr)));
    let pair: Awaited<typeof dialled> | undefined;
    void dialled.then((sockets) => pair = sockets);
    while (!pair) await turn();
    const counts = { up: 0, down: 0 };
    let ended = false, most = 0;
    void linuxRelay(engine, pair[0]!, pair[1]!, { idleMs: 60_000, counts }).then(() => ended = true);
    while (!ended) {
      const before = calls.splice;
      await turn();
      most = Math.max(most, calls.splice - before);
    }
    while (came < size) await setImmediate();
    assert.equal(counts.up, size);
    assert.ok(calls.splice > 20, `only ${calls.splice} in all`);
    assert.ok(most <= 4, `${most} in a turn`); // out of a pipe that the receiver had no room for, into it and out, and one that finds nothing
    for (const { server } of [source, sink]) server.close();
    engine.dispose();
  });

  test("a UDP socket receives at most two batches of a datagram flood", async () => {
    const { engine, turn } = turned();
    const flooded = new LinuxUdpSocket(engine, anywhere), client = new LinuxUdpSocket(engine, anywhere);
    const datagrams = Array.from({ length: 600 }, (_, i) => ({ bytes: new Uint8Array(1 + i % 2), addr: flooded.addr }));
    let batches = 0, came = 0;
    void (async () => {
      for (let batch = await flooded.receive(); batch; batch = await flooded.receive()) {
        batches++;
        came += batch.length;
      }
    })();
    let most = 0;
    const receiveAll = async () => {
      const expected = came + datagrams.length;
      await client.send(datagrams);
      while (came < expected) {
        const before = batches;
        await turn();
        most = Math.max(most, batches - before);
      }
    };
    for (let floods = 0; floods < 4; floods++) await receiveAll(); // whoever waits for the next is told of it
    assert.ok(batches > 4, `only ${batches} in all`);
    assert.ok(most <= 2, `${most} in a turn`);
    for (const socket of [flooded, client]) socket.close();
    engine.dispose();
  });

  test("a sending UDP socket gets no epoll event, or one after a full buffer, and then sends the rest", async () => {
    const { engine, calls, turn } = turned();
    const [near, far] = [new LinuxUdpSocket(engine, anywhere), createSocket("udp4")];
    await new Promise<void>((resolve) => far.bind(0, "127.0.0.1", resolve));
    const addr = { host: "127.0.0.1", port: far.address().port }, one = { bytes: new Uint8Array(9), addr };
    const came = new Promise<void>((resolve) => {
      let count = 0;
      far.on("message", () => ++count === 22 && resolve());
    });
    await turn();
    const before = calls.events;
    for (let i = 0; i < 20; i++) assert.equal(await near.send([one]), 0);
    await turn();
    assert.equal(calls.events, before);
    calls.refusals = 2;
    const sent = near.send([one, one]);
    while (calls.refusals > 0) await turn();
    await turn();
    assert.equal(await sent, 0);
    await came;
    await turn();
    const after = calls.events;
    assert.equal(await near.send([]), 0);
    await turn();
    assert.equal(calls.events, after);
    near.close();
    far.close();
    engine.dispose();
  });
});
