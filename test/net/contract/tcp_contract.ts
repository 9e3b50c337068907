import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import fc from "fast-check";
import type { Socket } from "../../../src/net/socket.ts";
import { IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_KEEPIDLE } from "../../../src/net/kernel/libc/abi.ts";
import { Descriptors } from "../../../src/net/kernel/sockets/kernel_probe.ts";
import { openLibc } from "../../support/linux/linux_net.ts";
import { within } from "../../support/program/until.ts";
import { echo, ending, hash, hear, isPending, kindOf, noise, take } from "./stream.ts";
import type { Bench, Suite } from "./suite.ts";

const HELLO = new TextEncoder().encode("hello");
const MIB = 1 << 20;

/** Connects and resets, some times. */
const COME_AND_GO = `
import socket, struct, sys
for _ in range(20):
    one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
`;

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function tcpContract(suite: Suite): void {
  for (const host of ["127.0.0.1", "::1"]) {
    suite.test(`both sockets of a connection to ${host} report the same addresses`, async (bench) => {
      const listener = await bench.listen(host);
      assert.equal(listener.addr.host, host);
      assert.ok(listener.addr.port > 0);
      const client = await bench.connect(listener.addr);
      const server = await bench.accept(listener);
      assert.deepEqual(client.remoteAddr, listener.addr);
      assert.deepEqual(server.localAddr, listener.addr);
      assert.deepEqual(server.remoteAddr, client.localAddr);
      assert.equal(client.localAddr.host, host);
      assert.notEqual(client.localAddr.port, listener.addr.port);
    });
  }

  for (const host of ["127.0.0.1", "::1"]) {
    suite.test(`both sockets of a connection to a listener on :: report ${host} as ${host}`, async (bench) => {
      const listener = await bench.listen("::");
      assert.equal(listener.addr.host, "::");
      const client = await bench.connect({ host, port: listener.addr.port });
      const server = await bench.accept(listener);
      assert.deepEqual(server.remoteAddr, client.localAddr);
      assert.deepEqual(server.localAddr, client.remoteAddr);
      assert.equal(server.remoteAddr.host, host);
    });
  }

  suite.test("an accepted socket reports the address of a client in another program", async (bench) => {
    const listener = await bench.listen("::");
    const other = connect({ host: "127.0.0.1", port: listener.addr.port });
    bench.keep({ close: () => other.destroy() });
    const server = await bench.accept(listener);
    other.write("hello");
    assert.deepEqual(await take(server, 5), HELLO);
    assert.deepEqual(server.remoteAddr, { host: "127.0.0.1", port: other.localPort });
  }, "a kernel");

  suite.test("a closed socket still reports its remote address; the local one may be unspecified", async (bench) => {
    for (const host of ["127.0.0.1", "::1"]) {
      const [client, server] = await bench.pair(host);
      const { localAddr } = client;
      client.close();
      assert.equal(await server.read(), null);
      await server.closeWrite();
      server.close();
      assert.deepEqual(server.remoteAddr, localAddr);
      assert.deepEqual(client.localAddr, localAddr);
      const own = server.localAddr;
      if (own.port !== 0) assert.deepEqual(own, client.remoteAddr);
      else assert.match(own.host, /^(::|0\.0\.0\.0)$/);
    }
  });

  suite.test("accept() skips a client that has closed, or returns its true address", async (bench) => {
    const listener = await bench.listen();
    // Another program, for which this one waits: nobody accepts meanwhile.
    spawnSync("python3", ["-c", COME_AND_GO, String(listener.addr.port)]);
    const last = await bench.connect(listener.addr);
    for (let port = 0; port !== last.localAddr.port;) {
      const { remoteAddr } = await bench.accept(listener);
      assert.equal(remoteAddr.host, "127.0.0.1");
      assert.notEqual(remoteAddr.port, 0);
      port = remoteAddr.port;
    }
  }, "python");

  suite.test("connections made before accept() wait in the backlog", async (bench) => {
    const listener = await bench.listen();
    const clients = await Promise.all(Array.from({ length: 20 }, () => bench.connect(listener.addr)));
    const servers: Socket[] = [];
    for (let i = 0; i < clients.length; i++) servers.push(await bench.accept(listener));
    const ports = (addrs: { port: number }[]) => addrs.map(({ port }) => port).sort();
    assert.deepEqual(ports(servers.map((it) => it.remoteAddr)), ports(clients.map((it) => it.localAddr)));
  });

  suite.test("writes of any size, with and without pauses, are echoed unchanged", async (bench) => {
    const size = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 300_000 }));
    const parts = fc.array(fc.record({ size, pause: fc.boolean() }), { minLength: 1, maxLength: 30 });
    const echoed = fc.asyncProperty(parts, fc.nat(), async (parts, seed) => {
      const [client, server] = await bench.pair();
      const echoing = echo(server);
      const heard = hear(client);
      const sent = parts.map(({ size }, i) => noise(size, seed + i));
      for (const [i, part] of sent.entries()) {
        await client.write(part);
        if (parts[i]!.pause) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await client.closeWrite();
      assert.equal((await within("the echo", heard)).hash, hash(...sent));
      await echoing;
      client.close();
      server.close();
    });
    await fc.assert(echoed, { numRuns: 12 });
  });

  suite.test("32 MiB in one write() are echoed unchanged", async (bench) => {
    const [client, server] = await bench.pair();
    const sent = noise(32 * MIB);
    const echoing = echo(server);
    const heard = hear(client);
    await client.write(sent);
    await client.closeWrite();
    assert.deepEqual(await heard, { size: sent.length, hash: hash(sent) });
    await echoing;
  });

  suite.test("the buffer that read() returns stays unchanged until the next read()", async (bench) => {
    const pairs = await Promise.all([bench.pair(), bench.pair(), bench.pair()]);
    const sent = pairs.map((_, i) => noise(100_000, i + 1));
    const lent: { view: Uint8Array; copy: Uint8Array }[] = [];
    for (const [i, [client, server]] of pairs.entries()) {
      void client.write(sent[i]!).then(() => client.write(sent[i]!)).catch(() => {});
      await take(server, 50_000); // bulk, for adapters that lend larger buffers then
      const view = (await server.read())!;
      lent.push({ view, copy: view.slice() });
      await server.write(noise(1_000, 9));
      await take(client, 1_000);
    }
    for (const { view, copy } of lent) assert.equal(hash(view), hash(copy));
  });

  suite.test("read() returns bytes and the end that arrived before accept()", async (bench) => {
    const listener = await bench.listen();
    const client = await bench.connect(listener.addr);
    await client.write(HELLO);
    await client.closeWrite();
    const server = await bench.accept(listener);
    assert.deepEqual(await take(server, 5), HELLO);
    assert.equal(await server.read(), null);
    assert.equal(await server.read(), null);
  });

  for (const who of ["accepted", "connected"] as const) {
    const meet = async (bench: Bench) => {
      const peer = bench.python();
      if (who === "connected") {
        const socket = await bench.connect(await peer.listen("127.0.0.1"));
        await peer.accept();
        return [peer, socket] as const;
      }
      const listener = await bench.listen();
      await peer.connect(listener.addr);
      return [peer, await bench.accept(listener)] as const;
    };

    suite.test(`an urgent byte keeps its place in the stream (${who} socket)`, async (bench) => {
      const [peer, socket] = await meet(bench);
      await peer.send(3);
      assert.equal(text(await take(socket, 3)), "xxx");
      await peer.urgent();
      assert.equal(text(await take(socket, 1)), "!");
      await peer.send(3);
      assert.equal(text(await take(socket, 3)), "xxx");
    }, "python");

    suite.test(`read() returns bytes around an urgent byte without delay (${who} socket)`, async (bench) => {
      const [peer, socket] = await meet(bench);
      await peer.sendMarked(1, 3);
      await peer.send(3);
      assert.equal(text(await take(socket, 7)), "xxx!xxx");
    }, "python");
  }

  suite.test("write() waits for a slow reader", async (bench) => {
    const [client, server] = await bench.pair();
    const sent = noise(64 * MIB);
    const written = client.write(sent);
    assert.equal(await isPending(written, 700), true, "64 MiB were taken with nobody reading");
    const heard = hear(server);
    await written;
    await client.closeWrite();
    assert.equal((await heard).hash, hash(sent));
  });

  suite.test("after closeWrite(), the peer reads the end and can still send", async (bench) => {
    for (const way of ["client", "server"] as const) {
      const [client, server] = await bench.pair();
      const [first, second] = way === "client" ? [client, server] : [server, client];
      await first.write(HELLO);
      await first.closeWrite();
      assert.deepEqual(await take(second, 5), HELLO);
      assert.equal(await second.read(), null);
      const heard = hear(first);
      const sent = noise(3 * MIB);
      await second.write(sent);
      await second.closeWrite();
      assert.equal((await heard).hash, hash(sent));
    }
  });

  suite.test("a second closeWrite() and one after close() have no effect", async (bench) => {
    const [client, server] = await bench.pair();
    await client.closeWrite();
    await client.closeWrite();
    assert.equal(await server.read(), null);
    await server.write(HELLO);
    assert.deepEqual(await take(client, 5), HELLO);
    client.close();
    await client.closeWrite();
  });

  suite.test("all bytes written before closeWrite() and close() arrive", async (bench) => {
    const [client, server] = await bench.pair();
    const sent = noise(200_000);
    const heard = hear(server);
    await client.write(sent);
    await client.closeWrite();
    client.close();
    assert.equal((await heard).hash, hash(sent));
  });

  suite.test("after close(), the pending read() and later ones return null", async (bench) => {
    const [client] = await bench.pair();
    const read = client.read();
    assert.equal(await isPending(read, 20), true);
    client.close();
    assert.equal(await within("read()", read), null);
    assert.equal(await client.read(), null);
  });

  suite.test("after close() of a listener, the pending accept() and later ones return null", async (bench) => {
    const listener = await bench.listen();
    const accept = listener.accept();
    assert.equal(await isPending(accept, 20), true);
    listener.close();
    assert.equal(await within("accept()", accept), null);
    assert.equal(await listener.accept(), null);
    assert.equal(await kindOf(bench.net.connect(listener.addr)), "refused");
  });

  suite.test("listen() on a port with a listener fails; after its close() the port is free while connections remain", async (bench) => {
    const listener = await bench.listen();
    await assert.rejects(bench.listen("127.0.0.1", listener.addr.port), { kind: "address-in-use" });
    const accepted = bench.accept(listener);
    const client = await bench.connect(listener.addr);
    const server = await accepted;
    listener.close();
    const again = await bench.listen("127.0.0.1", listener.addr.port);
    const next = bench.accept(again);
    await bench.connect(again.addr);
    await next;
    await client.write(Uint8Array.of(1));
    assert.deepEqual(await within("an octet", server.read()), Uint8Array.of(1));
  });

  suite.test("a second close() has no effect", async (bench) => {
    const listener = await bench.listen();
    const [client, server] = await bench.pair();
    for (const closable of [listener, client, server]) {
      closable.close();
      closable.close();
    }
    client.reset();
    client.keepAlive();
  });

  suite.test("close() fails a pending write() and ends the connection", async (bench) => {
    const [client, server] = await bench.pair();
    const written = client.write(new Uint8Array(64 * MIB));
    assert.equal(await isPending(written, 100), true);
    client.close();
    assert.equal(await kindOf(written), "closed");
    assert.match(await ending(server), /^(end|reset)$/);
  });

  suite.test("write() after close() and after reset() fails as closed", async (bench) => {
    for (const how of ["close", "reset"] as const) {
      const [client] = await bench.pair();
      client[how]();
      assert.equal(await kindOf(client.write(HELLO)), "closed");
    }
  });

  suite.test("keepAlive() enables probes after 60 s of silence on both sockets of a connection", async (bench) => {
    const libc = await openLibc();
    if (!libc) throw new Error("Cannot ask the kernel: there is no libc to be called");
    const descriptors = new Descriptors(libc);
    const value = new Int32Array(1);
    const option = (fd: number, level: number, name: number) => {
      assert.equal(libc.getsockopt(fd, level, name, value, Uint32Array.of(4)), 0);
      return value[0];
    };
    for (const socket of await bench.pair()) {
      socket.keepAlive();
      const fd = descriptors.find(socket.localAddr, socket.remoteAddr)!;
      assert.equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
      assert.equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    }
  }, "descriptors");

  suite.test("keepAlive() does not disturb the data of a connection", async (bench) => {
    const [client, server] = await bench.pair();
    client.keepAlive();
    server.keepAlive();
    await client.write(HELLO);
    assert.deepEqual(await take(server, 5), HELLO);
  });
}
