import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { decodeDatagram, encodeDatagram } from "../../../src/protocol/datagram.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { startOnLoopback } from "../../support/network/loopback.ts";
import { ask, destination } from "../../support/wire/socks.ts";
import type { Tcp } from "../../support/wire/tcp.ts";
import { echoUdp, Udp } from "../../support/wire/udp.ts";
import { until } from "../../support/program/until.ts";

const { gateway, v4, relayTypes } = await startOnLoopback("--admin=127.0.0.1:0");
const echo4 = await echoUdp("127.0.0.1"), echo6 = await echoUdp("::1");
after(async () => {
  echo4.close();
  echo6.close();
  await gateway.stop();
});

interface Association {
  readonly control: Tcp;
  readonly udp: Udp;
  readonly relay: SocketAddr;
  exchange(payload: Uint8Array, host: string, port: number): Promise<{ payload: Uint8Array; from: SocketAddr }>;
  close(): void;
}

async function associate(listener: SocketAddr, dst: [string, number] = ["0.0.0.0", 0]): Promise<Association> {
  const { client, reply } = await ask(listener, Command.UdpAssociate, ...dst);
  assert.equal(reply.reply, Reply.Succeeded);
  assert.equal(reply.bound.host, listener.host);
  const udp = await Udp.bind(listener.host);
  return {
    control: client,
    udp,
    relay: reply.bound,
    async exchange(payload, host, port) {
      await udp.send(encodeDatagram({ fragment: 0, address: destination(host, port), payload }), reply.bound);
      const { bytes } = await udp.receive();
      const { address, payload: echoed } = decodeDatagram(bytes);
      return { payload: echoed, from: { host: address.host, port: address.port } };
    },
    close() {
      udp.close();
      client.close();
    },
  };
}

for (const [type, listener, host] of relayTypes) {
  const echo = host === "::1" ? echo6 : echo4;
  test(`UDP, relay type ${type}: datagrams of every size come back with the server's address as source`, async () => {
    const association = await associate(listener);
    const largest = 65_507 - (echo === echo6 ? 22 : 10); // what UDP over IPv4 takes, less the header
    for (const size of [0, 1, 512, 1_400, 9_000, 60_000, largest]) {
      const payload = new Uint8Array(randomBytes(size));
      const answer = await association.exchange(payload, echo.addr.host, echo.addr.port);
      assert.deepEqual(answer.payload, payload);
      assert.deepEqual(answer.from, echo.addr);
    }
    association.close();
  });
}

test("UDP: one association reaches both families, and names", async () => {
  const association = await associate(v4);
  const payload = Uint8Array.of(1, 2, 3);
  for (const echo of [echo4, echo6, echo4]) {
    assert.deepEqual(await association.exchange(payload, echo.addr.host, echo.addr.port), { payload, from: echo.addr });
  }
  const named = await association.exchange(payload, "localhost", echo4.addr.port);
  assert.deepEqual(named, { payload, from: { host: "127.0.0.1", port: echo4.addr.port } });
  association.close();
});

test("UDP: the gateway ignores DST of the request (Xray, go-tun2socks)", async () => {
  for (const dst of [["::", 0], ["203.0.113.9", 9], ["169.254.1.1", 1]] as [string, number][]) {
    const association = await associate(v4, dst);
    assert.equal((await association.exchange(Uint8Array.of(7), "127.0.0.1", echo4.addr.port)).payload[0], 7);
    association.close();
  }
});

test("UDP: a malformed, refused or unresolvable datagram is dropped, and the association continues (3proxy, hev, Dante)", async () => {
  const association = await associate(v4);
  const { udp, relay } = association;
  for (const bytes of [[], [0], [0, 0, 0, 9, 1, 1], [0, 0, 0, 1, 127], [0, 0, 0, 3, 200, 65]]) {
    await udp.send(Uint8Array.from(bytes), relay);
  }
  for (const host of ["169.254.169.254", "::ffff:169.254.1.1", "no-such-name.invalid"]) {
    await udp.send(encodeDatagram({ fragment: 0, address: destination(host, 53), payload: Uint8Array.of(1) }), relay);
  }
  assert.equal((await association.exchange(Uint8Array.of(9), "127.0.0.1", echo4.addr.port)).payload[0], 9);
  association.close();
});

test("UDP: datagrams from another port of the client's host are dropped (mihomo, hev: an open reflector)", async () => {
  const association = await associate(v4);
  await association.exchange(Uint8Array.of(1), "127.0.0.1", echo4.addr.port);
  const stranger = await Udp.bind("127.0.0.1");
  const bytes = encodeDatagram({
    fragment: 0,
    address: destination("127.0.0.1", echo4.addr.port),
    payload: Uint8Array.of(2),
  });
  await stranger.send(bytes, association.relay);
  assert.equal((await association.exchange(Uint8Array.of(3), "127.0.0.1", echo4.addr.port)).payload[0], 3);
  assert.equal(stranger.waiting, 0);
  stranger.close();
  association.close();
  await until("the log tells", () => /dropped_stranger=1/.test(gateway.output()));
});

test("UDP: datagrams from hosts that the client has not sent to are dropped", async () => {
  const association = await associate(v4);
  const silent = await Udp.bind("127.0.0.1"), unsolicited = await Udp.bind("127.0.0.1");
  await association.udp.send(
    encodeDatagram({ fragment: 0, address: destination("127.0.0.1", silent.addr.port), payload: Uint8Array.of(1) }),
    association.relay,
  );
  const { from } = await silent.receive();
  await unsolicited.send(Uint8Array.of(66), from);
  await silent.send(Uint8Array.of(2), from);
  assert.deepEqual(decodeDatagram((await association.udp.receive()).bytes).payload, Uint8Array.of(2));
  assert.equal(association.udp.waiting, 0);
  for (const socket of [silent, unsolicited]) socket.close();
  association.close();
});

test("UDP: the gateway reassembles fragments (RFC 1928 s7)", async () => {
  const association = await associate(v4);
  const address = destination("127.0.0.1", echo4.addr.port);
  for (const [fragment, text] of [[1, "one "], [2, "two "], [0x83, "three"]] as const) {
    const payload = new TextEncoder().encode(text);
    await association.udp.send(encodeDatagram({ fragment, address, payload }), association.relay);
  }
  const { bytes } = await association.udp.receive();
  assert.equal(new TextDecoder().decode(decodeDatagram(bytes).payload), "one two three");
  association.close();
});

test("UDP: the association ends with its TCP connection", async () => {
  const association = await associate(v4);
  await association.exchange(Uint8Array.of(1), "127.0.0.1", echo4.addr.port);
  association.control.close();
  const live = async () =>
    /gate46_sessions (\d+)/.exec(await (await fetch(`http://127.0.0.1:${gateway.admin!.port}/metrics`)).text())![1];
  await until("no session is left", async () => await live() === "0");
  const { host, port } = association.relay;
  await until("its port is free", () => Udp.bind(host, port).then((udp) => (udp.close(), true), () => false));
  association.udp.close();
});
