import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NetError } from "../../src/net/error.ts";
import type { Socket } from "../../src/net/socket.ts";
import { ipAddress } from "../../src/protocol/address.ts";
import { encodeReply } from "../../src/protocol/request.ts";
import { Client } from "../../src/sockslib/client.ts";
import { ReplyError } from "../../src/sockslib/chain/reply_error.ts";
import { bytes, hex, joined } from "../support/wire/bytes.ts";
import { chainTest, ChainWorld, HOP1, HOP2, HOP3 } from "../support/network/chain.ts";
import { Peer, Server } from "../support/memory/peer.ts";
import { settle } from "../support/memory/test_clock.ts";
import { SERVER4, SERVER6 } from "../support/memory/world.ts";

const text = new TextDecoder();

/** A server in place of a gateway that says `answers`, one after each thing it hears, cut into slices of `sliceSize`. */
async function hostile(world: ChainWorld, answers: readonly string[], sliceSize = Infinity, at = HOP1) {
  const host = world.internet.host(at);
  const listener = await host.listen({ host: at, port: 1080 });
  const heard: string[] = [];
  void (async () => {
    for (let socket = await listener.accept(); socket; socket = await listener.accept()) {
      void converse(socket).catch(() => {});
    }
  })();
  async function converse(socket: Socket): Promise<void> {
    for (const answer of answers) {
      const chunk = await socket.read();
      if (!chunk) break;
      heard.push(hex(chunk));
      const octets = bytes(answer);
      for (let at = 0; at < octets.length; at += sliceSize) {
        await socket.write(octets.subarray(at, at + sliceSize));
        await settle();
      }
    }
    for (let chunk = await socket.read(); chunk; chunk = await socket.read()) heard.push(hex(chunk));
    socket.close();
  }
  return { host, heard: () => heard.splice(0) };
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => assert.fail("it resolved"), (error) => error);
}

chainTest("connect() goes through one gateway and through three, types mixed at each", async (world) => {
  await world.addThree();
  const server = new Server(await world.server.listen({ host: SERVER6, port: 80 }));
  for (const client of [world.viaThree(), world.via(`socks5://${HOP3}`)]) {
    const socket = await client.connect({ host: SERVER6, port: 80 });
    await socket.write(bytes("'hello'"));
    await settle();
    assert.equal(server.peer.heardText(), "hello");
    await server.peer.send("'goodbye'");
    assert.equal(text.decode((await socket.read())!), "goodbye");
    socket.close();
    await settle();
  }
  server.close();
});

chainTest("connect() sends a name unresolved to the last gateway", async (world) => {
  await world.addThree();
  const server = new Server(await world.server.listen({ host: SERVER6, port: 80 }));
  world.links[2]!.resolver.set("server.example", [SERVER6]);
  const socket = await world.viaThree().connect({ host: "server.example", port: 80 });
  socket.close();
  const asked = [world.resolver, ...world.links.map(({ resolver }) => resolver)].map(({ asked }) => asked);
  assert.deepEqual(asked, [[], [], [], ["server.example"]]);
  server.close();
});

chainTest("connect() resolves the first gateway's name only, and tries all its addresses", async (world) => {
  await world.addThree();
  world.internet.route("192.0.2.99", { fault: "host-unreachable" });
  world.resolver.set("g1.example", ["192.0.2.99", HOP1]);
  world.links[0]!.resolver.set("g2.example", [HOP2]);
  const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
  const socket = await world.via("socks5://g1.example", "socks5://g2.example").connect({ host: SERVER4, port: 80 });
  assert.deepEqual(world.resolver.asked, ["g1.example"]);
  socket.close();
  server.close();
});

chainTest("connect() distinguishes a reply about the destination from one about the next gateway", async (world) => {
  await world.addThree();
  const refused = await rejection(world.viaThree().connect({ host: SERVER6, port: 81 }));
  assert.ok(refused instanceof ReplyError);
  assert.deepEqual([refused.reply, refused.last], [5, true]);
  assert.match(refused.message, /^Cannot connect to \[2001:db8:5::80\]:81: socks5:\/\/192\.0\.2\.13:1080 says /);
  const via = world.via(`socks5://${HOP1}`, `socks5://[${HOP2}]:9`, `socks5://${HOP3}`);
  const nearer = await rejection(via.connect({ host: SERVER6, port: 80 }));
  assert.ok(nearer instanceof ReplyError);
  assert.deepEqual([nearer.reply, nearer.last], [5, false]);
});

chainTest("connect() keeps an unassigned reply code, and needs no address in a failure reply", async (world) => {
  await hostile(world, ["05 00", "05 c7"]);
  const error = await rejection(world.via(`socks5://${HOP1}`).connect({ host: SERVER4, port: 80 }));
  assert.ok(error instanceof ReplyError);
  assert.equal(error.reply, 0xc7);
  assert.match(error.message, /unassigned reply 0xc7/);
});

const success = hex(encodeReply(0, ipAddress("192.0.2.7", 7)));

for (const sliceSize of [1, 2, 3, Infinity]) {
  chainTest(`connect() accepts answers in segments of ${sliceSize} octets, and data after the reply`, async (world) => {
    await hostile(world, ["05 02", "01 00", `${success} 'first bytes'`], sliceSize);
    const socket = await world.via(`socks5://user:secret@${HOP1}`).connect({ host: SERVER4, port: 80 });
    let heard = "";
    while (heard.length < 11) heard += text.decode((await socket.read())!);
    assert.equal(heard, "first bytes");
    socket.close();
  });
}

chainTest("connect() offers method 02 only to a gateway with credentials", async (world) => {
  const { heard } = await hostile(world, ["05 ff"]);
  const bare = await rejection(world.via(`socks5://${HOP1}`).connect({ host: SERVER4, port: 80 }));
  await settle();
  assert.equal(heard()[0], "05 01 00");
  assert.match(bare.message, /^Cannot log in to socks5:\/\/192\.0\.2\.11:1080: it wants credentials$/);
  const given = await rejection(world.via(`socks5://us%40er:se%3Acret@${HOP1}`).connect({ host: SERVER4, port: 80 }));
  await settle();
  assert.equal(heard()[0], "05 02 00 02");
  assert.doesNotMatch(String(given.stack), /se%3Acret|se:cret|us@er/);
});

chainTest("connect() refuses a method that it did not offer", async (world) => {
  await hostile(world, ["05 02", "01 00"]);
  const error = await rejection(world.via(`socks5://${HOP1}`).connect({ host: SERVER4, port: 80 }));
  assert.ok(error instanceof NetError && error.kind === "permission-denied");
});

for (
  const answers of [["04 00"], ["'HTTP/1.1 400 Bad Request'"], ["05 00", "04 00 00 01"], ["05 00", "05 00 00 09 00"]]
) {
  chainTest(`connect() names the protocol of a non-SOCKS answer: ${answers.join(", ")}`, async (world) => {
    await hostile(world, answers);
    const error = await rejection(world.via(`socks5://${HOP1}`).connect({ host: SERVER4, port: 80 }));
    assert.ok(error instanceof NetError && error.kind === "other", String(error));
    assert.match(error.message, /^Cannot talk to socks5:\/\/192\.0\.2\.11:1080: /);
  });
}

test("connect() ends with an expected error for any gateway answer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
      fc.boolean(),
      async (answers, polite) => {
        const world = new ChainWorld();
        await hostile(world, [...polite ? ["05 00"] : [], ...answers.map(hex)]);
        const outcome = world.via(`socks5://${HOP1}`).connect({ host: SERVER4, port: 80 }, { deadlineMs: 500 })
          .then(
            (socket) => socket.close(),
            (error) => assert.ok(error instanceof NetError || error instanceof ReplyError),
          );
        await settle();
        await world.clock.advance(500);
        await outcome;
        await world.end();
      },
    ),
    { numRuns: 150 },
  );
});

chainTest("connect() refuses values that SOCKS cannot encode before it sends anything", async (world) => {
  const client = world.via(`socks5://${HOP1}`);
  for (const host of ["a".repeat(256), "", "with blank", "fe80::1%eth0", "127.1"]) {
    assert.ok(await rejection(client.connect({ host, port: 80 })) instanceof RangeError, host);
  }
  assert.ok(await rejection(client.connect({ host: "a", port: 65_536 })) instanceof RangeError);
  assert.deepEqual(world.client.dialled, []);
});

chainTest("connect() stops at its deadline and on cancellation", async (world) => {
  await hostile(world, ["05 00"]);
  const client = world.via(`socks5://${HOP1}`);
  const late = rejection(client.connect({ host: SERVER4, port: 80 }, { deadlineMs: 2_000 }));
  await world.clock.advance(2_000);
  assert.equal((await late as NetError).kind, "timed-out");
  const controller = new AbortController();
  const called = rejection(client.connect({ host: SERVER4, port: 80 }, { signal: controller.signal }));
  await settle();
  controller.abort();
  assert.equal((await called as NetError).kind, "aborted");
  const before = rejection(client.connect({ host: SERVER4, port: 80 }, { signal: AbortSignal.abort() }));
  assert.equal((await before as NetError).kind, "aborted");
});

chainTest("connect() does not wait for a gateway that disconnects or is unreachable", async (world) => {
  await world.add([HOP1]);
  const client = world.via(`socks5://${HOP1}:9`);
  assert.equal((await rejection(client.connect({ host: SERVER4, port: 80 })) as NetError).kind, "refused");
  const nameless = world.via("socks5://nowhere.example");
  assert.equal((await rejection(nameless.connect({ host: SERVER4, port: 80 })) as NetError).kind, "no-such-name");
});

chainTest(
  "bind() through three gateways returns the listening address of the last, then the peer address",
  async (world) => {
    await world.addThree();
    const rendezvous = await world.viaThree().bind({ host: SERVER4, port: 0 });
    assert.equal(rendezvous.addr.host, "203.0.113.13");
    const accepted = rendezvous.accept();
    const peer = new Peer(await world.server.connect(rendezvous.addr));
    const { socket, addr } = await accepted;
    assert.deepEqual(addr, peer.socket.localAddr);
    await peer.send("'data'");
    assert.equal(text.decode((await socket.read())!), "data");
    socket.close();
  },
);

chainTest("bind() stops at its deadline, and passes on the second reply's code", async (world) => {
  await world.addThree();
  const rendezvous = await world.viaThree().bind({ host: SERVER4, port: 0 });
  const late = rejection(rendezvous.accept({ deadlineMs: 1_000 }));
  await world.clock.advance(1_000);
  assert.equal((await late as NetError).kind, "timed-out");
  const slow = await world.viaThree().bind({ host: SERVER4, port: 0 });
  const refused = rejection(slow.accept({ deadlineMs: 600_000 }));
  await world.clock.advance(180_000);
  assert.equal((await refused as ReplyError).reply, 6);
});

chainTest("associate() carries datagrams in both directions through one gateway and through three", async (world) => {
  await world.addThree();
  const echo = await world.server.bindUdp({ host: SERVER6, port: 53 });
  void (async () => {
    for (let batch = await echo.receive(); batch; batch = await echo.receive()) {
      await echo.send(batch.map((one) => ({ ...one, bytes: joined(bytes("'echo '"), one.bytes) })));
    }
  })();
  world.links[2]!.resolver.set("dns.example", [SERVER6]);
  for (const client of [world.viaThree(), world.via(`socks5://${HOP3}`)]) {
    const association = await client.associate();
    for (const host of [SERVER6, "dns.example"]) {
      await association.send(new TextEncoder().encode("one"), { host, port: 53 });
      const { payload, source } = (await association.receive())!;
      assert.equal(text.decode(payload), "echo one");
      assert.deepEqual(source, { host: SERVER6, port: 53 });
    }
    association.close();
    assert.equal(await association.receive(), null);
    await settle();
  }
  echo.close();
});

chainTest(
  "associate() leaves nothing open when one gateway refuses, at any stage of the others",
  async (world) => {
    await hostile(world, ["05 00", hex(encodeReply(7))], Infinity, HOP2);
    await world.add([HOP1], { others: ["2001:db8:2::11"] });
    await world.add([HOP3]);
    for (const last of [`socks5://${HOP3}`, "socks5://192.0.2.250"]) {
      const client = world.via(`socks5://${HOP1}`, `socks5://[${HOP2}]`, last);
      assert.ok(await rejection(client.associate()) instanceof ReplyError);
      await settle();
      world.client.assertNothingOpen();
    }
    world.internet.route(HOP1, { fault: "silent" });
    const controller = new AbortController();
    const called = rejection(world.viaThree().associate({ signal: controller.signal }));
    await settle();
    controller.abort();
    assert.equal((await called as NetError).kind, "aborted");
  },
);

chainTest("an association ends with the connection of any of its gateways", async (world) => {
  await world.addThree();
  const association = await world.viaThree().associate();
  const drained = world.links[1]!.gateway.drain(0);
  await world.clock.advance(0);
  await drained;
  await association.ended;
  await assert.rejects(association.send(new Uint8Array(1), { host: SERVER6, port: 53 }), { kind: "closed" });
});

chainTest(
  "associate() requests the unspecified address of its sending family (Dante refuses the other)",
  async (world) => {
    const { heard } = await hostile(world, ["05 00", hex(encodeReply(8))], Infinity, HOP2);
    await world.add([HOP1], { others: ["2001:db8:2::11"] });
    await rejection(world.via(`socks5://${HOP1}`, `socks5://[${HOP2}]`).associate());
    assert.equal(heard()[1], "05 03 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
  },
);

chainTest("associate() treats an unspecified address as the gateway's own", async (world) => {
  const { host } = await hostile(world, ["05 00", hex(encodeReply(0, ipAddress("0.0.0.0", 700)))]);
  const relay = await host.bindUdp({ host: HOP1, port: 700 });
  const association = await world.via(`socks5://${HOP1}`).associate();
  await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
  assert.equal(hex((await relay.receive())![0]!.bytes), "00 00 00 01 cb 00 71 50 00 35 78");
  association.close();
  relay.close();
});

for (const told of ["127.0.0.1", "::1", "169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1"]) {
  chainTest(`associate() sends nothing to ${told} if a remote gateway returns that address`, async (world) => {
    const { host } = await hostile(world, ["05 00", hex(encodeReply(0, ipAddress(told, 700)))]);
    const relay = await host.bindUdp({ host: HOP1, port: 700 });
    const association = await world.via(`socks5://${HOP1}`).associate();
    await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
    assert.equal(hex((await relay.receive())![0]!.bytes), "00 00 00 01 cb 00 71 50 00 35 78");
    association.close();
    relay.close();
  });
}

test("a client needs one to eight gateways, and its error names the invalid one", () => {
  const make = (...via: string[]) => () => new Client({ via } as never);
  assert.throws(make(), /Cannot go through no gateway/);
  assert.throws(make(...Array(9).fill("socks5://a")), /Cannot go through 9 gateways: at most 8/);
  const wrong = [
    "a",
    "ftp://a",
    "socks5://a:0",
    "socks5://[a]",
    "socks5://u@a",
    "socks5://u:p%@a",
    "socks5://127.1",
    "socks5://a/b",
  ];
  for (const url of wrong) {
    assert.throws(make("socks5://good", url), /^RangeError: Cannot go through gateway 2: it /, url);
  }
  assert.throws(make("socks5://user:hunter2@bad host"), (error: Error) => !String(error.stack).includes("hunter2"));
});
