import assert from "node:assert/strict";
import type { AcceptedSocket, Leaving, Socket } from "../../../src/net/socket.ts";
import { until } from "../../support/program/until.ts";
import { take } from "./stream.ts";
import type { Suite } from "./suite.ts";

const HELLO = new TextEncoder().encode("hello");

/** What is told of `server`'s peer. */
function told(server: Socket): { readonly how: Leaving[]; stop(): void } {
  const how: Leaving[] = [];
  return { how, stop: (server as AcceptedSocket).onLeft((one) => how.push(one)) };
}

/** How to notice that a peer has left while nobody reads. */
export function leavingContract(suite: Suite): void {
  suite.test("onLeft() reports a peer that closes its write side, and read() then returns the end", async (bench) => {
    const [client, server] = await bench.pair();
    const { how } = told(server);
    await client.closeWrite();
    await until("it is told", () => how.includes("end"));
    assert.equal(await server.read(), null);
  });

  suite.test("onLeft() reports a peer that closed its write side before the call", async (bench) => {
    const [client, server] = await bench.pair();
    await client.closeWrite();
    const { how } = told(server);
    await until("it is told", () => how.includes("end"));
  });

  suite.test("onLeft() reports a half-close, not the end, while bytes of the peer are unread", async (bench) => {
    const [client, server] = await bench.pair();
    const { how, stop } = told(server);
    await client.write(HELLO);
    await client.closeWrite();
    await until("it is told", () => how.includes("half-close"));
    stop();
    assert.deepEqual(await take(server, 5), HELLO);
    assert.equal(await server.read(), null);
    assert.ok(!how.includes("end") && !how.includes("reset"), how.join());
  });

  suite.test("onLeft() reports a reset by the peer, also behind unread bytes", async (bench) => {
    for (const before of [new Uint8Array(0), HELLO]) {
      const [client, server] = await bench.pair();
      const { how } = told(server);
      if (before.length > 0) await client.write(before);
      client.reset();
      await until("it is told", () => how.includes("reset"));
    }
  });

  suite.test("read() returns bytes that arrive during onLeft(), and a stopped onLeft() reports nothing", async (bench) => {
    const [client, server] = await bench.pair();
    for (let i = 0; i < 3; i++) {
      const { how, stop } = told(server);
      await client.write(HELLO);
      stop();
      assert.deepEqual(await take(server, 5), HELLO);
      assert.deepEqual(how, []);
    }
    const { how, stop } = told(server);
    stop();
    await client.closeWrite();
    assert.equal(await server.read(), null);
    assert.deepEqual(how, []);
  });
}
