import assert from "node:assert/strict";
import type { Datagram, UdpSocket } from "../../../src/net/socket.ts";
import { Udp } from "../../support/wire/udp.ts";
import { until, within } from "../../support/program/until.ts";
import { hash, isPending, noise } from "./stream.ts";
import type { Suite } from "./suite.ts";

/** Empty, small, as DNS, a whole Ethernet packet, jumbo, and the most that IPv4 carries. */
const SIZES = [0, 1, 512, 1_472, 9_000, 65_507];

/** So many datagrams, copied out of their batches. */
async function receive(socket: UdpSocket, count: number): Promise<Datagram[]> {
  const received: Datagram[] = [];
  while (received.length < count) {
    const batch = await within(`${count} datagrams, of which ${received.length} came`, socket.receive());
    if (!batch) throw new Error(`Cannot receive ${count} datagrams: closed after ${received.length}`);
    assert.ok(batch.length > 0);
    received.push(...batch.map(({ bytes, addr }) => ({ bytes: bytes.slice(), addr })));
  }
  return received;
}

export function udpContract(suite: Suite): void {
  for (const host of ["127.0.0.1", "::1"]) {
    suite.test(`datagrams of every size go to ${host} and back`, async (bench) => {
      const [one, other] = [await bench.udp(host), await bench.udp(host)];
      assert.equal(one.addr.host, host);
      assert.ok(one.addr.port > 0);
      for (const size of SIZES) {
        const bytes = noise(size, size + 1);
        assert.equal(await one.send([{ bytes, addr: other.addr }]), 0, `${size} octets were lost`);
        const [there] = await receive(other, 1);
        assert.deepEqual(there!.addr, one.addr);
        assert.equal(there!.bytes.length, size);
        assert.equal(hash(there!.bytes), hash(bytes));
        assert.equal(await other.send([there!]), 0);
        const [back] = await receive(one, 1);
        assert.deepEqual(back!.addr, other.addr);
        assert.equal(hash(back!.bytes), hash(bytes));
      }
    });
  }

  suite.test("a socket on :: exchanges datagrams with both address families and reports the peer's address", async (bench) => {
    const both = await bench.udp("::");
    const peers = [await bench.udp("127.0.0.1"), await bench.udp("::1")];
    for (const peer of peers) {
      assert.equal(await both.send([{ bytes: noise(100), addr: peer.addr }]), 0);
      const [there] = await receive(peer, 1);
      assert.deepEqual(there!.addr, { host: peer.addr.host, port: both.addr.port });
      assert.equal(await peer.send([{ bytes: noise(50), addr: there!.addr }]), 0);
      const [back] = await receive(both, 1);
      assert.deepEqual(back!.addr, peer.addr);
      assert.equal(back!.bytes.length, 50);
    }
  });

  suite.test("a socket and another program see each other's address on their datagrams", async (bench) => {
    for (const host of ["127.0.0.1", "::1"]) {
      const other = bench.keep(await Udp.bind(host));
      const socket = await bench.udp(host);
      other.send(noise(1_000), socket.addr);
      const [there] = await receive(socket, 1);
      assert.deepEqual(there!.addr, other.addr);
      await socket.send([{ bytes: there!.bytes, addr: there!.addr }]);
      const { bytes, from } = await other.receive();
      assert.equal(hash(bytes), hash(noise(1_000)));
      assert.deepEqual(from, socket.addr);
    }
  }, "a kernel");

  suite.test("send() keeps the order of a batch and sends each datagram to its own address", async (bench) => {
    const sender = await bench.udp();
    const receivers = [await bench.udp(), await bench.udp()];
    const batch = Array.from({ length: 60 }, (_, i) => ({ bytes: Uint8Array.of(i), addr: receivers[i % 2]!.addr }));
    assert.equal(await sender.send(batch), 0);
    for (const [i, receiver] of receivers.entries()) {
      const numbers = (await receive(receiver, 30)).map(({ bytes }) => bytes[0]);
      assert.deepEqual(numbers, Array.from({ length: 30 }, (_, n) => 2 * n + i));
    }
  });

  suite.test("send() drops only the oversized datagram of a batch", async (bench) => {
    const [one, other] = [await bench.udp(), await bench.udp()];
    const batch = [1, 65_508, 2].map((size) => ({ bytes: new Uint8Array(size), addr: other.addr }));
    assert.equal(await one.send(batch), 1);
    assert.deepEqual((await receive(other, 2)).map(({ bytes }) => bytes.length), [1, 2]);
    await other.send([{ bytes: Uint8Array.of(3), addr: one.addr }]);
    assert.equal((await receive(one, 1)).length, 1);
  });

  suite.test("send() drops only the datagram of the other address family in a batch", async (bench) => {
    const [one, other] = [await bench.udp(), await bench.udp()];
    const six = await bench.udp("::1");
    const addrs = [other.addr, six.addr, other.addr];
    assert.equal(await one.send(addrs.map((addr) => ({ bytes: Uint8Array.of(1), addr }))), 1);
    await receive(other, 2);
  });

  suite.test("an ICMP port unreachable error fails neither receive() nor the next send()", async (bench) => {
    for (const host of ["127.0.0.1", "::1"]) {
      const [one, other] = [await bench.udp(host), await bench.udp(host)];
      const gone = await bench.udp(host);
      gone.close();
      const received = receive(one, 2);
      for (let i = 0; i < 5; i++) await one.send([{ bytes: Uint8Array.of(1), addr: gone.addr }]);
      await other.send([{ bytes: Uint8Array.of(2), addr: one.addr }]);
      await one.send([{ bytes: Uint8Array.of(3), addr: gone.addr }]);
      await one.send([{ bytes: Uint8Array.of(4), addr: other.addr }]);
      await other.send([{ bytes: Uint8Array.of(5), addr: one.addr }]);
      assert.deepEqual((await received).map(({ bytes }) => bytes[0]), [2, 5]);
      assert.deepEqual((await receive(other, 1))[0]!.bytes, Uint8Array.of(4));
    }
  });

  suite.test("ICMP port unreachable errors of closed ports lose no datagram to or from an open port", async (bench) => {
    for (const host of ["127.0.0.1", "::1"]) {
      const [one, live] = [await bench.udp(host), await bench.udp(host)];
      const gone = [await bench.udp(host), await bench.udp(host)];
      for (const socket of gone) socket.close();
      const numbers = Array.from({ length: 50 }, (_, i) => i);
      const batch = numbers.flatMap((i) => [...gone, live].map(({ addr }) => ({ bytes: Uint8Array.of(i), addr })));
      const [there, back] = [receive(live, 50), receive(one, 50)];
      assert.equal(await one.send(batch), 0);
      const received = await there;
      assert.deepEqual(received.map(({ bytes }) => bytes[0]), numbers);
      for (const datagram of received) {
        await one.send([{ bytes: datagram.bytes, addr: gone[0]!.addr }]);
        assert.equal(await live.send([datagram]), 0);
      }
      assert.deepEqual((await back).map(({ bytes }) => bytes[0]), numbers);
    }
  });

  suite.test("the buffers that receive() returns stay unchanged until the next receive()", async (bench) => {
    const [one, other, third] = [await bench.udp(), await bench.udp(), await bench.udp()];
    await one.send([{ bytes: noise(5_000), addr: other.addr }]);
    const lent = (await within("a datagram", other.receive()))!;
    for (let i = 0; i < 20; i++) await one.send([{ bytes: noise(5_000, i + 5), addr: other.addr }]);
    await one.send([{ bytes: noise(5_000, 99), addr: third.addr }]);
    await receive(third, 1);
    assert.equal(hash(lent[0]!.bytes), hash(noise(5_000)));
  });

  suite.test("after close(), the pending receive() and later ones return null", async (bench) => {
    const socket = await bench.udp();
    const received = socket.receive();
    assert.equal(await isPending(received, 20), true);
    socket.close();
    socket.close();
    assert.equal(await within("receive()", received), null);
    assert.equal(await socket.receive(), null);
  });

  suite.test("send() after close() counts all datagrams as lost and does not fail", async (bench) => {
    const [socket, other] = [await bench.udp(), await bench.udp()];
    socket.close();
    const datagram = { bytes: Uint8Array.of(1), addr: other.addr };
    assert.equal(await socket.send([datagram, datagram]), 2);
  });

  suite.test("a port can be bound again after close()", async (bench) => {
    const socket = await bench.udp();
    socket.close();
    await until("the port is free", async () => {
      try {
        bench.keep(await bench.net.bindUdp(socket.addr));
        return true;
      } catch {
        return false;
      }
    });
  });
}
