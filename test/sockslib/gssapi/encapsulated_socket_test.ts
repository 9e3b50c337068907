import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../src/net/clock.ts";
import type { Socket } from "../../../src/net/socket.ts";
import { EncapsulatedSocket } from "../../../src/sockslib/gssapi/encapsulated_socket.ts";
import { Encapsulation } from "../../../src/sockslib/gssapi/encapsulation.ts";
import { encodeGssMessage, GssMessageType } from "../../../src/protocol/gssapi.ts";
import { PlainContext } from "../../support/memory/plain_gss.ts";
import { TestClock } from "../../support/memory/test_clock.ts";
import { joined, pattern } from "../../support/wire/bytes.ts";

const addr = { host: "192.0.2.1", port: 1 };

/** A socket that is always ready: it takes all that is written, and has something to read until nothing is left. */
function ready(chunks: Iterable<Uint8Array> = []): Socket & { written: number } {
  const left = chunks[Symbol.iterator]();
  return {
    written: 0,
    localAddr: addr,
    remoteAddr: addr,
    read: () => Promise.resolve(left.next().value ?? null),
    write(bytes) {
      this.written += bytes.length;
      return Promise.resolve();
    },
    closeWrite: () => Promise.resolve(),
    close: () => {},
    reset: () => {},
    keepAlive: () => {},
  };
}

function over(socket: Socket, clock: Clock = new TestClock()): EncapsulatedSocket {
  return new EncapsulatedSocket(socket, new Encapsulation(new PlainContext(), true, 99, clock));
}

/** Tokens of the other side, one for each size, as messages. */
function tokens(sizes: readonly number[]): readonly Uint8Array[] {
  const other = new PlainContext();
  return sizes.map((size) => encodeGssMessage(GssMessageType.Data, other.wrap(pattern(size), true, 0)));
}

async function readAll(socket: EncapsulatedSocket): Promise<readonly number[]> {
  const sizes: number[] = [];
  for (let bytes = await socket.read(); bytes; bytes = await socket.read()) {
    assert.deepEqual(bytes, pattern(bytes.length));
    sizes.push(bytes.length);
  }
  return sizes;
}

test("tokens are reassembled from segments of any size, and empty tokens are skipped", async () => {
  const sizes = [1, 0, 300, 5, 0, 2_000];
  const stream = joined(...tokens(sizes));
  for (const size of [1, 2, 3, 4, 5, 19, 20, 21, 321, 1_000, stream.length]) {
    const lent = new Uint8Array(size); // which the next read overwrites, as sockets do
    const sliced = function* () {
      for (let at = 0; at < stream.length; at += size) {
        const part = stream.subarray(at, at + size);
        lent.set(part);
        yield lent.subarray(0, part.length);
      }
    };
    assert.deepEqual(await readAll(over(ready(sliced()))), [1, 300, 5, 2_000], `${size} at a time`);
  }
});

test("a socket with constant data yields to others: none blocks the thread", async () => {
  const MOST = 600 << 10;
  /** A clock that notes how much has passed whenever somebody waits by it. */
  const noting = (passed: () => number, turns: number[]): Clock => ({
    now: () => 0,
    after: (_ms, then) => {
      turns.push(passed());
      queueMicrotask(then);
      return () => {};
    },
  });
  const written: number[] = [0], out = ready();
  await over(out, noting(() => out.written, written)).write(new Uint8Array(2 << 20));
  const read: number[] = [0];
  let taken = 0;
  const counted = function* () {
    for (const token of tokens(Array(40).fill(60_000))) {
      taken += token.length;
      yield token;
    }
  };
  assert.equal((await readAll(over(ready(counted()), noting(() => taken, read)))).length, 40);
  for (const turns of [written, read]) {
    assert.ok(turns.length >= 4);
    turns.slice(1).forEach((at, i) => assert.ok(at - turns[i]! < MOST, `${at - turns[i]!} octets in one turn`));
  }
});
