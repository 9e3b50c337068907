import assert from "node:assert/strict";
import { test } from "node:test";
import { NetError } from "../../../src/net/error.ts";
import { LentSocket } from "../../../src/sockslib/socksify/lent_socket.ts";

const addr = { host: "192.0.2.1", port: 1080 };

function lend() {
  const written: number[] = [];
  let closed = 0;
  const socket = new LentSocket({
    localAddr: addr,
    remoteAddr: addr,
    write: (bytes) => void written.push(...bytes),
    close: () => void closed++,
  });
  return { socket, written, closed: () => closed };
}

test("a lent socket returns one octet per read, so that data after the reply is kept", async () => {
  const { socket } = lend();
  socket.feed(Uint8Array.of(5, 0, 1));
  socket.feed(Uint8Array.of(2));
  assert.deepEqual([...(await socket.read())!], [5]);
  assert.deepEqual([...(await socket.read())!], [0]);
  assert.deepEqual([...socket.rest()], [1, 2]);
  assert.deepEqual([...socket.rest()], []);
});

test("a pending read gets the data, and every later read the end", async () => {
  const { socket } = lend();
  const waiting = socket.read();
  socket.feed(Uint8Array.of(7));
  socket.end();
  assert.deepEqual([...(await waiting)!], [7]);
  assert.equal(await socket.read(), null);
  assert.equal(await socket.read(), null);
});

test("a failure rejects reads and writes, and closing ends a pending read", async () => {
  const failed = lend();
  const waiting = failed.socket.read();
  failed.socket.end(new NetError("reset", "Cannot talk to it: ECONNRESET"));
  await assert.rejects(waiting, { kind: "reset" });
  await assert.rejects(failed.socket.write(Uint8Array.of(1)), { kind: "reset" });
  const closed = lend();
  const reading = closed.socket.read();
  closed.socket.close();
  assert.equal(await reading, null);
  assert.equal(closed.closed(), 1);
});
