import assert from "node:assert/strict";
import { describe } from "node:test";
import type { UdpFilter } from "../../../src/gateway/settings.ts";
import type { DropReason, SessionRecord } from "../../../src/events.ts";
import { NetError } from "../../../src/net/error.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { decodeDatagram } from "../../../src/protocol/datagram.ts";
import { bytes, hex, joined, pattern } from "../../support/wire/bytes.ts";
import type { MemoryNet } from "../../support/memory/memory_net.ts";
import { Peer } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { relayable, UdpPeer } from "../../support/memory/udp_peer.ts";
import {
  CLIENT4,
  CLIENT6,
  GATEWAY4,
  GATEWAY6,
  relayTypes,
  replyHex,
  SERVER4,
  SERVER6,
  type World,
  worldTest,
} from "../../support/memory/world.ts";

const ECHO4 = { host: SERVER4, port: 7 };
const ECHO6 = { host: SERVER6, port: 7 };
const UNKNOWN = { host: "0.0.0.0", port: 0 };

/** An association with its control connection, the relay's address and the client's UDP socket. */
class Associated {
  readonly world: World;
  readonly control: Peer;
  readonly relay: SocketAddr;
  readonly udp: UdpPeer;

  constructor(world: World, control: Peer, relay: SocketAddr, udp: UdpPeer) {
    this.world = world;
    this.control = control;
    this.relay = relay;
    this.udp = udp;
  }

  send(to: SocketAddr, payload: string | Uint8Array, fragment = 0): Promise<void> {
    return this.udp.send(this.relay, relayable(to, payload, fragment));
  }

  get record(): SessionRecord {
    const { events } = this.world;
    const opened = events.flatMap((event) => event.type === "session-opened" ? [event.session] : []);
    return opened.at(-1)!;
  }

  dropped(reason: DropReason): number {
    return this.record.dropped[reason] ?? 0;
  }
}

async function associated(
  world: World,
  options: { readonly family?: 4 | 6; readonly dst?: SocketAddr; readonly host?: MemoryNet } = {},
): Promise<Associated> {
  const { family = 4, dst = UNKNOWN, host = world.clients[family] } = options;
  const control = await world.request(Command.UdpAssociate, dst, { family, host });
  const reply = decodeReply(control.heardBytes());
  assert.equal(reply?.value.reply, 0);
  const udp = new UdpPeer(await host.bindUdp({ host: host.addrs[0]!, port: 0 }));
  return new Associated(world, control, reply.value.bound, udp);
}

async function udpServer(world: World, addr: SocketAddr, host?: MemoryNet): Promise<UdpPeer> {
  return new UdpPeer(await (host ?? world.servers[addr.host.includes(":") ? 6 : 4]).bindUdp(addr));
}

/** What a server heard: the text and the gateway's address. */
async function heardFrom(server: UdpPeer): Promise<{ text: string; from: SocketAddr }> {
  await settle();
  const [heard, ...others] = server.heard();
  assert.ok(heard, "nothing has come");
  assert.equal(others.length, 0);
  const [, host, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(heard.from)!;
  return { text: new TextDecoder().decode(heard.bytes), from: { host: host!, port: Number(port) } };
}

for (const { type, client: clientFamily, server: serverFamily } of relayTypes) {
  const addr = serverFamily === 4 ? ECHO4 : ECHO6;
  describe(`UDP ASSOCIATE of type ${type} (IPv${clientFamily} to IPv${serverFamily})`, () => {
    for (const how of ["address", "name"] as const) {
      worldTest(`relays in both directions by ${how}, with the real source`, {}, async (world) => {
        world.resolver.set("echo.test", [addr.host]);
        const server = await udpServer(world, addr);
        const client = await associated(world, { family: clientFamily });
        assert.equal(client.relay.host, clientFamily === 4 ? GATEWAY4 : GATEWAY6);
        await client.send(how === "name" ? { host: "echo.test", port: 7 } : addr, "ping");
        const { text, from } = await heardFrom(server);
        assert.equal(text, "ping");
        assert.equal(from.host, serverFamily === 4 ? GATEWAY4 : GATEWAY6);
        await server.send(from, "pong!");
        const source = serverFamily === 4 ? `${SERVER4}:7` : `[${SERVER6}]:7`;
        assert.deepEqual(client.udp.relayed(), [`${source} pong!`]);
        await client.control.close();
        const { relayType, remote, counts, datagrams, dropped, end } = world.record;
        const { host, port } = remote!;
        assert.deepEqual({ relayType, remote: { host, port }, counts, datagrams, dropped, end }, {
          relayType: type,
          remote: addr,
          counts: { up: 4, down: 5 },
          datagrams: { up: 1, down: 1 },
          dropped: {},
          end: "end",
        });
      });
    }
  });
}

describe("A single association", () => {
  worldTest("reaches both address families, by address and by name", {}, async (world) => {
    world.resolver.set("four.test", [SERVER4]);
    world.resolver.set("six.test", [SERVER6]);
    const [four, six] = [await udpServer(world, ECHO4), await udpServer(world, ECHO6)];
    const client = await associated(world);
    await client.udp.sendAll(client.relay, [
      relayable(ECHO4, "1"),
      relayable(ECHO6, "2"),
      relayable({ host: "four.test", port: 7 }, "3"),
      relayable({ host: "six.test", port: 7 }, "4"),
    ]);
    await settle();
    assert.deepEqual(four.heard().map(({ bytes }) => hex(bytes)).sort(), ["31", "33"]);
    assert.deepEqual(six.heard().map(({ bytes }) => hex(bytes)).sort(), ["32", "34"]);
  });

  worldTest("uses one port for each address family", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const other = await udpServer(world, { host: SERVER4, port: 8 });
    const client = await associated(world);
    await client.send(ECHO4, "a");
    await client.send({ host: SERVER4, port: 8 }, "b");
    assert.deepEqual((await heardFrom(server)).from, (await heardFrom(other)).from);
  });

  worldTest(
    "loses only datagrams to an address family that the gateway does not have",
    { gateway: [GATEWAY4] },
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world);
      await client.send(ECHO6, "lost");
      await client.send(ECHO4, "kept");
      assert.equal((await heardFrom(server)).text, "kept");
      assert.equal(client.dropped("lost"), 1);
    },
  );

  worldTest("loses only datagrams that it sends while the system has no free descriptor", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    const bindUdp = world.net.bindUdp.bind(world.net);
    world.net.bindUdp = () => Promise.reject(new NetError("no-descriptors", "Cannot bind: told so by the test"));
    await client.send(ECHO4, "lost");
    world.net.bindUdp = bindUdp;
    await client.send(ECHO4, "kept");
    assert.equal((await heardFrom(server)).text, "kept");
    assert.equal(client.dropped("lost"), 1);
  });

  worldTest("uses the reachable address of a name", { gateway: [GATEWAY4] }, async (world) => {
    world.resolver.set("both.test", [SERVER6, SERVER4]);
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send({ host: "both.test", port: 7 }, "x");
    assert.equal((await heardFrom(server)).text, "x");
  });

  worldTest(
    "sends replies from the address that the client uses, on a gateway with several addresses (Xray #1901, gost #763)",
    {
      gateway: [GATEWAY4, "192.0.2.2", GATEWAY6],
    },
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const control = await world.clients[4].connect({ host: "192.0.2.2", port: 1080 });
      await control.write(bytes("05 01 00 05 03 00 01 00 00 00 00 00 00"));
      await settle();
      const reply = decodeReply((await control.read())!.slice(2));
      const relay = reply!.value.bound;
      assert.equal(relay.host, "192.0.2.2");
      const udp = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
      await udp.send(relay, relayable(ECHO4, "x"));
      await server.send((await heardFrom(server)).from, "y");
      assert.deepEqual(udp.heard().map(({ from }) => from), [`192.0.2.2:${relay.port}`]);
    },
  );
});

describe("A client with a link-local address (naiveproxy #619, curl #14782)", () => {
  worldTest(
    "has an association on the interface of its TCP connection",
    { gateway: [GATEWAY4, "fe80::1"] },
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const host = world.internet.host("fe80::c");
      const control = new Peer(await host.connect({ host: "fe80::1", port: 1080 }));
      await control.send("05 01 00 05 03 00 01 00 00 00 00 00 00");
      const relay = decodeReply(control.heardBytes().slice(2))!.value.bound;
      assert.equal(relay.host, "fe80::1");
      const udp = new UdpPeer(await host.bindUdp({ host: "fe80::c", port: 0, zone: "2" }));
      await udp.send(relay, relayable(ECHO4, "x"));
      await server.send((await heardFrom(server)).from, "y");
      assert.deepEqual(udp.relayed(), [`${SERVER4}:7 y`]);
    },
  );
});

describe("UDP ASSOCIATE accepts any DST, and does not use it as a destination (Xray, go-tun2socks)", () => {
  for (
    const dst of [
      { host: "0.0.0.0", port: 0 },
      { host: "::", port: 0 },
      { host: CLIENT4, port: 4_000 },
      { host: CLIENT6, port: 4_000 },
      { host: "127.0.0.1", port: 1 },
      { host: "10.1.2.3", port: 0 },
      { host: "fe80::1", port: 0 },
      { host: "client.test", port: 0 },
    ]
  ) {
    worldTest(`${dst.host} port ${dst.port}`, {}, async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world, { dst });
      await client.send(ECHO4, "x");
      assert.equal((await heardFrom(server)).text, "x");
      assert.deepEqual(world.resolver.asked, []);
    });
  }
});

describe("Access to the relay port (mihomo, hev and others: an open reflector)", () => {
  worldTest("is denied to any address except the TCP client's", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    const stranger = new UdpPeer(
      await world.internet.host("198.51.100.66").bindUdp({ host: "198.51.100.66", port: 0 }),
    );
    await stranger.send(client.relay, relayable(ECHO4, "stranger"));
    assert.deepEqual(server.heard(), []);
    assert.equal(client.dropped("stranger"), 1);
    await client.send(ECHO4, "client");
    assert.equal((await heardFrom(server)).text, "client");
  });

  worldTest("is denied to another port of the client after a valid datagram", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send(ECHO4, "first");
    const { from } = await heardFrom(server);
    const other = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
    await other.send(client.relay, relayable(ECHO4, "second"));
    assert.deepEqual(server.heard(), []);
    assert.equal(client.dropped("stranger"), 1);
    await server.send(from, "answer");
    assert.deepEqual(client.udp.relayed(), [`${SERVER4}:7 answer`]);
    assert.deepEqual(other.heard(), []);
  });

  const declared = [{ host: "0.0.0.0", port: 4_000 }, { host: "::", port: 4_000 }, { host: CLIENT4, port: 4_000 }];
  for (const dst of declared) {
    worldTest(`is granted to the port in DST, even if another port sent first: ${dst.host}`, {}, async (world) => {
      const server = await udpServer(world, ECHO4), evil = await udpServer(world, { host: SERVER4, port: 8 });
      const { relay, record } = await associated(world, { dst });
      const client = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 4_000 }));
      const stranger = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
      await stranger.send(relay, relayable(evil.addr, "quicker"));
      const { from } = await heardFrom(evil);
      await client.send(relay, relayable(ECHO4, "client"));
      assert.equal((await heardFrom(server)).text, "client");
      await server.send(from, "answer");
      await evil.send(from, "the stranger has asked for this");
      await stranger.send(relay, relayable(ECHO4, "too late"));
      assert.deepEqual(client.relayed(), [`${SERVER4}:7 answer`]);
      assert.deepEqual(stranger.heard(), []);
      assert.deepEqual(server.heard(), []);
      assert.deepEqual(record.dropped, { unsolicited: 1, stranger: 1 });
    });
  }

  worldTest(
    "is not granted to the port in DST if the address in DST is not the client's, as behind a NAT",
    {},
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world, { dst: { host: "10.1.2.3", port: 4_000 } });
      await client.send(ECHO4, "client");
      const other = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 4_000 }));
      await other.send(client.relay, relayable(ECHO4, "other"));
      assert.equal((await heardFrom(server)).text, "client");
      assert.equal(client.dropped("stranger"), 1);
    },
  );

  worldTest(
    "is granted to another port of the client after 30 s of silence, as behind a NAT with a new mapping",
    {},
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world);
      await client.send(ECHO4, "old");
      const { from } = await heardFrom(server);
      const renewed = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
      await world.clock.advance(29_999);
      await renewed.send(client.relay, relayable(ECHO4, "too early"));
      assert.equal(client.dropped("stranger"), 1);
      await world.clock.advance(1);
      await renewed.send(client.relay, bytes("00 00 00 09 01 02"));
      await server.send(from, "still to the old one");
      assert.deepEqual(client.udp.relayed(), [`${SERVER4}:7 still to the old one`]);
      await renewed.send(client.relay, relayable(ECHO4, "new"));
      assert.equal((await heardFrom(server)).text, "new");
      await server.send(from, "answer");
      assert.deepEqual(renewed.relayed(), [`${SERVER4}:7 answer`]);
      await client.send(ECHO4, "the old one is a stranger now");
      assert.deepEqual([client.udp.heard(), server.heard()], [[], []]);
      assert.equal(client.dropped("stranger"), 2);
    },
  );

  worldTest(
    "is denied to another port of the client while the first port sends, even without answers",
    {},
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world);
      const other = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
      for (let i = 0; i < 5; i++) {
        await client.send(ECHO4, "client");
        await world.clock.advance(29_999);
        await other.send(client.relay, relayable(ECHO4, "other"));
      }
      assert.equal(server.heard().length, 5);
      assert.equal(client.dropped("stranger"), 5);
    },
  );

  worldTest("is not granted to the port of a malformed datagram", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    const other = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
    for (
      const noise of ["", "00 00 00 01", "00 00 00 09 01 02 03 04 00 07", "00 00 00 03 00 00 07", "00 00 81 02 00"]
    ) {
      await other.send(client.relay, bytes(noise));
    }
    await client.send(ECHO4, "client");
    assert.equal((await heardFrom(server)).text, "client");
    assert.equal(client.dropped("malformed"), 5);
  });

  worldTest("gives no answer before the client's first datagram", {}, async (world) => {
    const client = await associated(world);
    const server = await udpServer(world, ECHO4);
    await server.send(client.relay, "probe");
    assert.deepEqual(client.udp.heard(), []);
    assert.deepEqual(server.heard(), []);
  });

  worldTest("is separate for two associations of one client address", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const [one, two] = [await associated(world), await associated(world)];
    await one.send(ECHO4, "1");
    const first = await heardFrom(server);
    await two.send(ECHO4, "2");
    const second = await heardFrom(server);
    await server.send(second.from, "for two");
    await server.send(first.from, "for one");
    assert.deepEqual(one.udp.relayed(), [`${SERVER4}:7 for one`]);
    assert.deepEqual(two.udp.relayed(), [`${SERVER4}:7 for two`]);
  });
});

describe("A datagram that cannot be relayed is dropped, and the association continues (3proxy, hev and Dante ended it)", () => {
  const names = () => relayable({ host: "no.test", port: 7 }, "x");
  for (
    const [what, datagram, reason] of [
      ["a truncated datagram", () => bytes("00 00 00 01 cb 00"), "malformed"],
      ["an empty datagram", () => bytes(""), "malformed"],
      ["an unknown ATYP", () => bytes("00 00 00 05 cb 00 71 50 00 07"), "malformed"],
      ["an empty name", () => bytes("00 00 00 03 00 00 07 'x'"), "malformed"],
      ["an invalid name", () => bytes("00 00 00 03 04 'a' 00 'bc' 00 07"), "malformed"],
      ["octal IPv4 as a name", () => bytes("00 00 00 03 0a '0177.0.0.1' 00 07"), "malformed"],
      ["an unknown name", names, "unresolved"],
      ["loopback", () => relayable({ host: "127.0.0.1", port: 53 }, "x"), "refused"],
      ["loopback in IPv6", () => relayable({ host: "::1", port: 53 }, "x"), "refused"],
      ["loopback in NAT64", () => relayable({ host: "64:ff9b::7f00:1", port: 53 }, "x"), "refused"],
      [
        "loopback in 6to4 (3proxy, shadowsocks-rust)",
        () => relayable({ host: "2002:7f00:1::", port: 53 }, "x"),
        "refused",
      ],
      ["metadata as a name", () => bytes("00 00 00 03 0f '169.254.169.254' 00 50 'x'"), "refused"],
      ["multicast (SSDP)", () => relayable({ host: "239.255.255.250", port: 1900 }, "x"), "refused"],
      ["broadcast", () => relayable({ host: "255.255.255.255", port: 67 }, "x"), "refused"],
      ["port 0", () => relayable({ host: SERVER4, port: 0 }, "x"), "refused"],
      ["a fragment out of order", () => relayable(ECHO4, "x", 5), "fragment"],
      ["an unreachable host", () => relayable({ host: "203.0.113.99", port: 7 }, "x"), undefined],
    ] as const
  ) {
    worldTest(what, {}, async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world);
      await client.send(ECHO4, "before");
      await heardFrom(server);
      await client.udp.send(client.relay, datagram());
      await client.udp.sendAll(client.relay, [relayable(ECHO4, "a"), datagram(), relayable(ECHO4, "b")]);
      await settle();
      assert.deepEqual(server.heardText().map((text) => text.slice(-1)), ["a", "b"]);
      if (reason) assert.equal(client.dropped(reason), 2);
      assert.equal(client.control.ended, "no");
      assert.equal(world.records.length, 0);
    });
  }

  worldTest("to a refused destination is refused each time", {}, async (world) => {
    const client = await associated(world);
    for (let i = 0; i < 5; i++) await client.send({ host: "127.0.0.1", port: 53 }, "x");
    assert.equal(client.dropped("refused"), 5);
    assert.equal(client.record.datagrams.up, 0);
  });

  worldTest("to a name with closed addresses is refused (DNS rebinding)", {}, async (world) => {
    world.resolver.set("evil.test", ["127.0.0.1", "::1"]);
    const client = await associated(world);
    await client.send({ host: "evil.test", port: 53 }, "x");
    await settle();
    assert.equal(client.dropped("refused"), 1);
  });

  worldTest("to a name with one allowed address goes only to that address (DNS rebinding)", {}, async (world) => {
    world.resolver.set("mixed.test", ["127.0.0.1", SERVER4]);
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send({ host: "mixed.test", port: 7 }, "x");
    assert.equal((await heardFrom(server)).text, "x");
  });

  worldTest("to the gateway's own listener is refused in every spelling", {}, async (world) => {
    const client = await associated(world);
    for (const host of [GATEWAY4, GATEWAY6, "2002:c000:201::1", "64:ff9b::c000:201"]) {
      await client.send({ host, port: 1080 }, "x");
    }
    assert.equal(client.dropped("refused"), 4);
  });
});

describe("Names in datagrams", () => {
  worldTest("are resolved without a delay for other datagrams", {}, async (world) => {
    world.resolver.set("slow.test", "silent");
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send({ host: "slow.test", port: 7 }, "waits");
    await client.send({ host: "slow.test", port: 7 }, "waits too");
    await client.send(ECHO4, "goes");
    assert.equal((await heardFrom(server)).text, "goes");
    world.resolver.answer("slow.test", [SERVER4]);
    await settle();
    assert.deepEqual(server.heard().map(({ bytes }) => new TextDecoder().decode(bytes)), ["waits", "waits too"]);
    assert.deepEqual(world.resolver.asked, ["slow.test"]);
    assert.equal(client.record.datagrams.up, 3);
  });

  worldTest("keep a copy of waiting payloads, because later datagrams reuse the buffer", {}, async (world) => {
    world.resolver.set("slow.test", "silent");
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send({ host: "slow.test", port: 7 }, pattern(600, 1));
    await client.send(ECHO4, pattern(600, 2));
    server.heard();
    world.resolver.answer("slow.test", [SERVER4]);
    await settle();
    assert.deepEqual(server.heard().map(({ bytes }) => hex(bytes)), [hex(pattern(600, 1))]);
  });

  worldTest("wait in bounded queues: one limit for each name, and one for all names", {}, async (world) => {
    const client = await associated(world);
    for (let i = 0; i < 40; i++) {
      world.resolver.set(`slow${i}.test`, "silent");
      for (let k = 0; k < 4; k++) await client.send({ host: `slow${i}.test`, port: 7 }, pattern(50_000));
    }
    const lost = client.dropped("lost");
    assert.ok(lost >= 80, `at most 128 KiB wait for one name, ${lost} were lost`);
    assert.ok(160 - lost <= 42, `at most 2 MiB wait for all of them, ${160 - lost} waited`);
  });

  worldTest("are resolved again after a failure, even while the client keeps sending", {}, async (world) => {
    world.resolver.set("back.test", "name-lookup-failed", [SERVER4]);
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    const send = () => client.send({ host: "back.test", port: 7 }, "x");
    await send();
    await send();
    assert.deepEqual(world.resolver.asked, ["back.test"]);
    for (let i = 0; i < 10; i++) {
      await world.clock.advance(1_000);
      await send();
    }
    await settle();
    assert.deepEqual(world.resolver.asked, ["back.test", "back.test"]);
    assert.ok(server.heard().length > 0);
  });

  worldTest("have no effect if they resolve after the end of the association", {}, async (world) => {
    world.resolver.set("slow.test", "silent");
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send({ host: "slow.test", port: 7 }, "x");
    await client.control.close();
    const told = JSON.stringify(world.record);
    world.resolver.answer("slow.test", [SERVER4]);
    await settle();
    assert.equal(JSON.stringify(world.record), told);
    assert.deepEqual(server.heard(), []);
    assert.equal(world.net.udpSocketCount, 0);
  });
});

describe("Sizes", () => {
  for (const size of [0, 1, 1_280, 1_500, 9_000, 65_000]) {
    worldTest(
      `a payload of ${size} octets arrives complete in both directions (hev cut at 1500)`,
      {},
      async (world) => {
        const server = await udpServer(world, ECHO4);
        const client = await associated(world);
        await client.send(ECHO4, pattern(size));
        const [heard] = server.heard();
        assert.equal(hex(heard!.bytes), hex(pattern(size)));
        await server.send({ host: GATEWAY4, port: Number(heard!.from.split(":")[1]) }, pattern(size, 9));
        const [back] = client.udp.heard();
        assert.equal(hex(decodeDatagram(back!.bytes).payload), hex(pattern(size, 9)));
      },
    );
  }

  worldTest("the datagrams of one batch arrive complete", {}, async (world) => {
    const server = await udpServer(world, ECHO6);
    const client = await associated(world);
    await client.send(ECHO6, "x");
    const { from } = await heardFrom(server);
    const sizes = [0, 3_000, 10, 65_000, 1, 5_000, 2_000, 40_000];
    await server.sendAll(from, sizes.map((size) => pattern(size, size)));
    const payloads = client.udp.heard().map(({ bytes }) => hex(decodeDatagram(bytes).payload));
    assert.deepEqual(payloads, sizes.map((size) => hex(pattern(size, size))));
  });

  worldTest("a reply too large for its header is dropped for a client without fragments", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send(ECHO4, "x");
    const { from } = await heardFrom(server);
    await server.send(from, pattern(65_507));
    assert.deepEqual(client.udp.heard(), []);
    assert.equal(client.dropped("too-large"), 1);
    await server.send(from, pattern(65_497));
    assert.equal(client.udp.heard().length, 1);
  });

  worldTest("a reply too large for its header is fragmented for a client that uses fragments", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send(ECHO4, "x", 0x81);
    const { from } = await heardFrom(server);
    await server.send(from, pattern(65_507));
    const parts = client.udp.heard().map(({ bytes }) => decodeDatagram(bytes));
    assert.deepEqual(parts.map(({ fragment }) => fragment), [1, 0x82]);
    assert.equal(hex(joined(...parts.map(({ payload }) => payload))), hex(pattern(65_507)));
    assert.deepEqual(client.record.datagrams, { up: 1, down: 1 });
  });
});

describe("Fragments (RFC 1928 s7)", () => {
  worldTest("are reassembled and sent as one datagram (others drop them)", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send(ECHO4, "one ", 1);
    await client.send(ECHO4, "two ", 2);
    assert.deepEqual(server.heard(), []);
    await client.send(ECHO4, "three", 0x83);
    assert.equal((await heardFrom(server)).text, "one two three");
    assert.deepEqual(client.record.datagrams, { up: 1, down: 0 });
    assert.deepEqual(client.record.dropped, {});
  });

  worldTest("to a name are reassembled", {}, async (world) => {
    world.resolver.set("echo.test", [SERVER6]);
    const server = await udpServer(world, ECHO6);
    const client = await associated(world);
    await client.send({ host: "echo.test", port: 7 }, "a", 1);
    await client.send({ host: "echo.test", port: 7 }, "b", 0x82);
    assert.equal((await heardFrom(server)).text, "ab");
  });

  worldTest("carry up to 65,507 octets", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    const data = pattern(65_507);
    await client.send(ECHO4, data.subarray(0, 40_000), 1);
    await client.send(ECHO4, data.subarray(40_000), 0x82);
    assert.equal(hex(server.heard()[0]!.bytes), hex(data));
  });

  worldTest(
    "wait 10 s for the rest (the RFC requires at least 5 s), then the queue is abandoned",
    {},
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world);
      await client.send(ECHO4, "a", 1);
      await world.clock.advance(9_999);
      await client.send(ECHO4, "b", 0x82);
      assert.equal((await heardFrom(server)).text, "ab");
      await client.send(ECHO4, "c", 1);
      await world.clock.advance(10_000);
      await client.send(ECHO4, "d", 0x82);
      assert.deepEqual(server.heard(), []);
      assert.equal(client.dropped("fragment"), 1);
    },
  );

  worldTest("of a lower position than the highest abandon the queue and begin a new one", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send(ECHO4, "a", 1);
    await client.send(ECHO4, "b", 2);
    await client.send(ECHO4, "A", 1);
    await client.send(ECHO4, "B", 0x82);
    assert.equal((await heardFrom(server)).text, "AB");
  });

  worldTest("are abandoned when a standalone datagram arrives in between", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send(ECHO4, "a", 1);
    await client.send(ECHO4, "alone");
    await client.send(ECHO4, "b", 0x82);
    assert.equal((await heardFrom(server)).text, "alone");
  });

  worldTest("are judged after reassembly", {}, async (world) => {
    const client = await associated(world);
    const loopback = { host: "127.0.0.1", port: 53 };
    await client.send(loopback, "a", 1);
    await client.send(loopback, "b", 0x82);
    assert.equal(client.dropped("refused"), 1);
    assert.equal(client.record.datagrams.up, 0);
  });
});

describe("An unsolicited datagram from a server", () => {
  const modes: readonly (readonly [UdpFilter, readonly string[]])[] = [
    ["endpoint-independent", ["same", "port", "host"]],
    ["address-dependent", ["same", "port"]],
    ["address-and-port-dependent", ["same"]],
  ];
  for (const [udpFilter, passes] of modes) {
    worldTest(
      `passes the filter '${udpFilter}' from ${passes.join(", ")}`,
      { settings: { udpFilter } },
      async (world) => {
        const server = await udpServer(world, ECHO4);
        const client = await associated(world);
        await client.send(ECHO4, "x");
        const { from } = await heardFrom(server);
        const otherPort = await udpServer(world, { host: SERVER4, port: 8 });
        const otherHost = await udpServer(world, { host: "203.0.113.9", port: 7 }, world.internet.host("203.0.113.9"));
        await server.send(from, "same");
        await otherPort.send(from, "port");
        await otherHost.send(from, "host");
        const texts = client.udp.relayed();
        assert.deepEqual(texts.map((text) => text.split(" ")[1]), passes);
        if (passes.includes("port")) assert.ok(texts.includes(`${SERVER4}:8 port`), "the header tells the true source");
        assert.equal(client.dropped("unsolicited"), 3 - passes.length);
      },
    );
  }
});

describe("Destinations", () => {
  worldTest(
    "are forgotten when idle, and their later answers are dropped",
    { settings: { udpIdleMs: 60_000 } },
    async (world) => {
      const server = await udpServer(world, ECHO4);
      const client = await associated(world);
      await client.send(ECHO4, "x");
      const { from } = await heardFrom(server);
      await world.clock.advance(59_000);
      await server.send(from, "in time");
      assert.equal(client.udp.relayed().length, 1);
      await world.clock.advance(120_000);
      await server.send(from, "late");
      assert.deepEqual(client.udp.relayed(), []);
      assert.equal(client.dropped("unsolicited"), 1);
      assert.equal(world.records.length, 0, "the association lives on");
      await client.send(ECHO4, "again");
      assert.equal((await heardFrom(server)).text, "again");
    },
  );

  worldTest(
    "with names are resolved again after they were forgotten",
    { settings: { udpIdleMs: 60_000 } },
    async (world) => {
      world.resolver.set("moves.test", [SERVER4], [SERVER6]);
      const six = await udpServer(world, ECHO6);
      const client = await associated(world);
      await client.send({ host: "moves.test", port: 7 }, "x");
      await world.clock.advance(120_000);
      await client.send({ host: "moves.test", port: 7 }, "y");
      assert.equal((await heardFrom(six)).text, "y");
    },
  );

  worldTest("are judged and resolved again every 10 minutes, even without a pause", {}, async (world) => {
    world.resolver.set("busy.test", [SERVER4], ["127.0.0.1"]);
    const client = await associated(world);
    for (let minute = 0; minute < 11; minute++) {
      await client.send({ host: "busy.test", port: 7 }, "x");
      await world.clock.advance(60_000);
    }
    await settle();
    assert.equal(world.resolver.asked.length, 2);
    assert.equal(client.dropped("refused"), 1);
  });

  worldTest(
    "are bounded: the least recently used are removed first",
    { settings: { maxUdpDestinations: 4 } },
    async (world) => {
      const servers: UdpPeer[] = [];
      for (let port = 1; port <= 8; port++) servers.push(await udpServer(world, { host: SERVER4, port }));
      const client = await associated(world);
      for (let port = 1; port <= 8; port++) await client.send({ host: SERVER4, port }, "x");
      const { from } = await heardFrom(servers[7]!);
      for (const server of servers) await server.send(from, "y");
      const sources = client.udp.relayed().map((text) => Number(/:(\d+) /.exec(text)![1]));
      assert.ok(sources.length <= 5, `${sources.length} may answer`);
      assert.ok(sources.includes(8));
      assert.ok(!sources.includes(1));
    },
  );

  worldTest(
    "are bounded: a destination with traffic in either direction stays while others change (firezone #8937)",
    { settings: { maxUdpDestinations: 4 } },
    async (world) => {
      world.resolver.set("call.test", [SERVER4]);
      const call = await udpServer(world, ECHO4), film = await udpServer(world, { host: SERVER4, port: 8 });
      const client = await associated(world);
      await client.send({ host: "call.test", port: 7 }, "call");
      const { from } = await heardFrom(call);
      await client.send(film.addr, "play");
      film.heard();
      for (let port = 1_000; port < 1_020; port++) {
        await client.send({ host: SERVER4, port }, "torrent");
        await client.send({ host: "call.test", port: 7 }, "up");
        await film.send(from, "down");
      }
      await call.send(from, "answer");
      assert.deepEqual(client.udp.relayed(), [...Array(20).fill(`${SERVER4}:8 down`), `${SERVER4}:7 answer`]);
      assert.equal(call.heard().length, 20);
      assert.deepEqual(client.record.dropped, {});
      assert.deepEqual(world.resolver.asked, ["call.test"]);
    },
  );

  worldTest(
    "over the limit work again when the client uses them",
    { settings: { maxUdpDestinations: 2 } },
    async (world) => {
      const servers: UdpPeer[] = [];
      for (let port = 1; port <= 6; port++) servers.push(await udpServer(world, { host: SERVER4, port }));
      const client = await associated(world);
      for (let round = 0; round < 3; round++) {
        for (const { addr } of servers) {
          await client.send(addr, "x");
          const server = servers[addr.port - 1]!;
          await server.send((await heardFrom(server)).from, "y");
          assert.deepEqual(client.udp.relayed(), [`${SERVER4}:${addr.port} y`]);
        }
      }
    },
  );
});

describe("A name with addresses of both families (sing-box #4152)", () => {
  const DUAL = { host: "dual.test", port: 7 };

  /** A name with a server of each family, of which `families` answer, there and for connections. */
  async function dual(world: World, families: readonly (4 | 6)[]) {
    world.resolver.set("dual.test", [SERVER6, SERVER4]);
    const client = await associated(world);
    const servers = [[6, await udpServer(world, ECHO6)], [4, await udpServer(world, ECHO4)]] as const;
    for (const [family, { addr }] of servers) {
      if (!families.includes(family)) world.internet.route(addr.host, { fault: "silent" });
    }
    const gateway = new Map<4 | 6, SocketAddr>();
    /** Has that one answer the last datagram it had. */
    const answer = (family: 4 | 6) => servers.find(([one]) => one === family)![1].send(gateway.get(family)!, "answer");
    return {
      client,
      answer,
      /** Sends so many datagrams, one each `ms`, and tells which families had them. */
      async send(count: number, ms: number, answering = families): Promise<string> {
        let went = "";
        for (let i = 0; i < count; i++) {
          await client.send(DUAL, "x");
          await settle();
          for (const [family, server] of servers) {
            for (const { from } of server.heard()) {
              went += family;
              gateway.set(family, { host: family === 4 ? GATEWAY4 : GATEWAY6, port: Number(/\d+$/.exec(from)![0]) });
              if (answering.includes(family)) await answer(family);
            }
          }
          await world.clock.advance(ms);
        }
        return went;
      },
    };
  }

  worldTest("switches to the other family after several datagrams without an answer", {}, async (world) => {
    const { client, send } = await dual(world, [4]);
    assert.equal(await send(5, 300), "66444");
    assert.deepEqual(client.udp.relayed(), Array(3).fill(`${SERVER4}:7 answer`));
    await world.clock.advance(11 * 60_000); // all of it is forgotten
    assert.equal(await send(5, 300), "66444");
  });

  worldTest("stays on the family that answers, with any number of datagrams at once", {}, async (world) => {
    const { client, send } = await dual(world, [4, 6]);
    assert.equal(await send(20, 0, []), "6".repeat(20));
    assert.equal(await send(1, 100, [6]), "6");
    assert.equal(await send(50, 1_000, []), "6".repeat(50));
    assert.equal(client.udp.relayed().length, 1);
  });

  worldTest("returns to the family that answers late, even after a trial of the other", {}, async (world) => {
    const { client, send, answer } = await dual(world, [4, 6]);
    assert.equal(await send(3, 300, []), "664");
    await answer(6);
    assert.equal(await send(5, 300, []), "66666");
    assert.deepEqual(client.udp.relayed(), [`[${SERVER6}]:7 answer`]);
  });

  worldTest("uses the family that an earlier connection found", {}, async (world) => {
    const { send } = await dual(world, [4]);
    const listener = await world.serve({ host: SERVER4, port: 80 });
    await world.request(Command.Connect, { host: "dual.test", port: 80 });
    await world.clock.advance(250);
    listener.close();
    assert.equal(await send(3, 300), "444");
  });

  for (const [when, count] of [["as it is used", 4], ["when it ends", 3]] as const) {
    worldTest(`passes the family that works to connections, ${when}`, {}, async (world) => {
      const { client, send } = await dual(world, [4]);
      await send(count, 300);
      if (when === "when it ends") await client.control.close();
      const listener = await world.serve({ host: SERVER4, port: 80 });
      await world.request(Command.Connect, { host: "dual.test", port: 80 });
      assert.deepEqual(world.net.dialled.map(({ host }) => host), [SERVER4]);
      listener.close();
    });
  }

  worldTest("uses the first family almost always if no server ever answers, as with syslog", {}, async (world) => {
    const { send } = await dual(world, []);
    const went = await send(1_000, 100, []);
    assert.match(went, /^6{5}4{5}6{300}4{5}6{600}4{5}6+$/);
  });

  worldTest("keeps the family that answers after a new resolution", {}, async (world) => {
    const { send } = await dual(world, [4]);
    assert.match(await send(1_300, 1_000), /^664+$/);
    assert.equal(world.resolver.asked.length, 3);
  });

  worldTest("switches to the other family even if its address arrives later", {}, async (world) => {
    const { send } = await dual(world, [4]);
    world.resolver.set("dual.test", [SERVER6]);
    world.resolver.all.set(
      "dual.test",
      new Promise((resolve) => world.clock.after(1_000, () => resolve([SERVER6, SERVER4]))),
    );
    assert.equal(await send(5, 300), "66664");
  });
});

describe("The association lives exactly as long as its TCP connection", () => {
  for (
    const [how, end] of [["close", "end"], ["finish", "end"], ["reset", "reset"]] as const
  ) {
    for (const used of [true, false]) {
      worldTest(`ends by ${how} of the client, ${used ? "with" : "without"} datagrams`, {}, async (world) => {
        const server = await udpServer(world, ECHO4);
        const client = await associated(world);
        if (used) await client.send(ECHO4, "x");
        await client.control[how]();
        await settle();
        assert.equal(world.record.end, end);
        assert.equal(world.record.reply, 0);
        assert.equal(world.net.udpSocketCount, 0);
        server.heard();
        await client.send(ECHO4, "y");
        assert.deepEqual(server.heard(), []);
      });
    }
  }

  worldTest("does not end when idle, and ignores octets on the TCP connection", {}, async (world) => {
    const server = await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.control.send("05 01 00 01 7f 00 00 01 00 50");
    await world.clock.advance(24 * 3_600_000);
    await client.send(ECHO4, "still here");
    assert.equal((await heardFrom(server)).text, "still here");
    assert.equal(client.control.heard(), "");
    assert.deepEqual(world.net.dialled, []);
  });

  worldTest("enables TCP keepalive for the client", {}, async (world) => {
    await associated(world);
    assert.deepEqual(world.net.sockets.map(({ keepAliveCount }) => keepAliveCount), [1]);
  });

  worldTest("ends when the gateway has drained", {}, async (world) => {
    const client = await associated(world);
    const drained = world.gateway.drain(1_000);
    await world.clock.advance(1_000);
    await drained;
    assert.equal(client.control.ended, "end");
    assert.equal(world.record.end, "drained");
  });
});

describe("The address that UDP ASSOCIATE announces", () => {
  const announce = { ipv4: "192.0.2.200", ipv6: "2001:db8::200" };
  for (const family of [4, 6] as const) {
    worldTest(
      `is the configured IPv${family} address (sing-box #3619, gost #883, hev #75)`,
      { settings: { announce } },
      async (world) => {
        const server = await udpServer(world, ECHO4);
        const client = await associated(world, { family });
        assert.equal(client.relay.host, family === 4 ? announce.ipv4 : announce.ipv6);
        const true_ = { host: family === 4 ? GATEWAY4 : GATEWAY6, port: client.relay.port };
        await client.udp.send(true_, relayable(ECHO4, "x"));
        assert.equal((await heardFrom(server)).text, "x");
      },
    );
  }

  worldTest("has a port of the configured range; the reply is 01 when all ports are in use", {
    settings: { ports: { first: 40_000, last: 40_001 } },
  }, async (world) => {
    const seen = [await associated(world), await associated(world)].map(({ relay }) => relay.port);
    assert.deepEqual(seen.sort(), [40_000, 40_001]);
    const third = await world.request(Command.UdpAssociate, UNKNOWN);
    assert.equal(third.heard(), replyHex(1));
  });
});

describe("Datagrams in flight", () => {
  worldTest(
    "keep their octets until the kernel has sent them, even if a DNS answer releases other datagrams meanwhile",
    {},
    async (world) => {
      world.resolver.set("slow.test", "silent");
      const [four, six] = [await udpServer(world, ECHO4), await udpServer(world, ECHO6)];
      const client = await associated(world);
      await client.send(ECHO4, "open");
      await client.send(ECHO6, "open");
      await client.send({ host: "slow.test", port: 7 }, "named");
      four.heard();
      six.heard();
      const release = world.net.holdSends();
      await client.udp.sendAll(client.relay, [relayable(ECHO4, "four"), relayable(ECHO6, "six")]);
      world.resolver.answer("slow.test", [SERVER6]);
      await client.udp.sendAll(client.relay, [relayable(ECHO6, "overwrites"), relayable(ECHO6, "what was lent")]);
      release();
      await settle();
      assert.deepEqual(four.heardText().map(lastWords), ["four"]);
      assert.deepEqual(six.heardText().map(lastWords).sort(), ["named", "overwrites", "six", "what was lent"]);
    },
  );

  worldTest("leave no socket open after the end of the association", {}, async (world) => {
    await udpServer(world, ECHO4);
    const client = await associated(world);
    await client.send(ECHO4, "open");
    const release = world.net.holdSends();
    await client.udp.sendAll(client.relay, [relayable(ECHO4, "held"), relayable(ECHO6, "not yet opened")]);
    await client.control.close();
    release();
    await settle();
    assert.equal(world.net.udpSocketCount, 0);
  });

  function lastWords(text: string): string {
    return text.slice(text.indexOf(" ") + 1);
  }
});
