import assert from "node:assert/strict";
import { within } from "../../support/program/until.ts";
import { ending, isPending, kindOf, noise, take, writeOn } from "./stream.ts";
import type { Suite } from "./suite.ts";

const HELLO = new TextEncoder().encode("hello");

export function resetContract(suite: Suite): void {
  suite.test("reset() by the client or the server fails the peer's read() as reset", async (bench) => {
    for (const way of ["client", "server"] as const) {
      const [client, server] = await bench.pair();
      const [first, second] = way === "client" ? [client, server] : [server, client];
      const read = second.read();
      first.reset();
      assert.equal(await kindOf(read), "reset");
      assert.equal(await first.read(), null);
    }
  });

  suite.test("reset() ends the pending read() of the same socket with null", async (bench) => {
    const [client] = await bench.pair();
    const read = client.read();
    client.reset();
    client.reset();
    assert.equal(await within("read()", read), null);
  });

  suite.test("reset() fails the pending write() of the same socket, and the peer sees a reset", async (bench) => {
    const [client, server] = await bench.pair();
    const written = client.write(new Uint8Array(64 << 20));
    assert.equal(await isPending(written, 100), true);
    client.reset();
    assert.equal(await kindOf(written), "closed");
    assert.equal(await ending(server), "reset");
  });

  suite.test("read() reports a reset that arrived before the call", async (bench) => {
    const [client, server] = await bench.pair();
    await client.write(noise(10_000));
    client.reset();
    assert.equal(await ending(server), "reset");
  });

  suite.test("a reset by the peer fails a pending write() as reset", async (bench) => {
    const [client, server] = await bench.pair();
    const written = client.write(new Uint8Array(64 << 20));
    assert.equal(await isPending(written, 100), true);
    server.reset();
    assert.equal(await kindOf(written), "reset");
  });

  suite.test("repeated write() to a closed peer fails as reset", async (bench) => {
    const [client, server] = await bench.pair();
    server.close();
    assert.equal(await kindOf(writeOn(client)), "reset");
  });

  suite.test("a reset by a half-closed peer fails write() as reset, before or after write() starts", async (bench) => {
    for (const turns of [0, 1]) {
      const [client, server] = await bench.pair();
      await client.closeWrite();
      assert.equal(await server.read(), null);
      client.reset();
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await kindOf(writeOn(server)), "reset");
    }
  });

  suite.test("100 simultaneous reset() calls reset 100 connections", async (bench) => {
    const pairs = await Promise.all(Array.from({ length: 100 }, () => bench.pair()));
    const ends = pairs.map(([, server]) => ending(server));
    for (const [client] of pairs) client.reset();
    assert.deepEqual(await Promise.all(ends), Array(100).fill("reset"));
  });

  suite.test("300 successive reset() calls on new connections, with 100 others open, all arrive as resets", async (bench) => {
    await Promise.all(Array.from({ length: 100 }, () => bench.pair()));
    for (let i = 0; i < 300; i++) {
      const [client, server] = await bench.pair();
      client.reset();
      assert.equal(await ending(server), "reset", `the reset of connection ${i + 1}`);
      server.close();
    }
  });

  for (const how of ["reset", "close"] as const) {
    suite.test(`another program sees ${how}() as ${how === "reset" ? "a reset" : "the end"}`, async (bench) => {
      const expected = how === "reset" ? "reset" : "end 5";
      const [one, other] = [bench.python(), bench.python()];
      const listener = await bench.listen();
      await one.connect(listener.addr);
      const accepted = await bench.accept(listener);
      const connected = await bench.connect(await other.listen("127.0.0.1"));
      await other.accept();
      for (const [socket, observer] of [[accepted, one], [connected, other]] as const) {
        await socket.write(HELLO);
        const heard = observer.hear();
        assert.equal(await isPending(heard, 100), true); // it has read what was written
        socket[how]();
        assert.equal(await heard, expected);
      }
    }, "python");
  }

  suite.test("a reset by another program fails read() of accepted and connected sockets as reset", async (bench) => {
    const [one, other] = [bench.python(), bench.python()];
    const listener = await bench.listen();
    await one.connect(listener.addr);
    const accepted = await bench.accept(listener);
    const connected = await bench.connect(await other.listen("127.0.0.1"));
    await other.accept();
    for (const [socket, peer] of [[accepted, one], [connected, other]] as const) {
      await peer.send(5);
      assert.equal((await take(socket, 5)).length, 5);
      const kind = kindOf(socket.read());
      await peer.reset();
      assert.equal(await kind, "reset");
    }
  }, "python");

  suite.test("a reset after a FIN of another program fails a pending write() as reset", async (bench) => {
    const peer = bench.python();
    const listener = await bench.listen();
    await peer.connect(listener.addr);
    const socket = await bench.accept(listener);
    await peer.finish();
    assert.equal(await socket.read(), null);
    const written = socket.write(new Uint8Array(64 << 20));
    assert.equal(await isPending(written, 100), true);
    await peer.reset();
    assert.equal(await kindOf(written), "reset");
  }, "python");

  suite.test("a listener continues after a client resets its connection before accept()", async (bench) => {
    const peer = bench.python();
    const listener = await bench.listen();
    for (let i = 0; i < 5; i++) await peer.connectAndReset(listener.addr);
    const client = await bench.connect(listener.addr);
    await client.write(HELLO);
    for (;;) {
      const server = await listener.accept().then((socket) => socket && bench.keep(socket), () => undefined);
      assert.notEqual(server, null);
      if (server?.remoteAddr.port !== client.localAddr.port) continue;
      assert.deepEqual(await take(server, 5), HELLO);
      break;
    }
  }, "python");
}
