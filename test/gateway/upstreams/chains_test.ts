import assert from "node:assert/strict";
import type { Socket } from "../../../src/net/socket.ts";
import { NetError } from "../../../src/net/error.ts";
import type { Authenticator } from "../../../src/gateway/entrance/methods.ts";
import type { Upstream } from "../../../src/gateway/upstreams/upstream.ts";
import { ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import type { Credentials } from "../../../src/protocol/negotiation.ts";
import { encodeReply } from "../../../src/protocol/request.ts";
import type { Client } from "../../../src/sockslib/client.ts";
import { ReplyError } from "../../../src/sockslib/chain/reply_error.ts";
import { bytes, hex, joined } from "../../support/wire/bytes.ts";
import { chainTest, ChainWorld, HOP1, HOP2, HOP3, type Link, type LinkOptions } from "../../support/network/chain.ts";
import { Peer, Server } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { request, SERVER4, SERVER6 } from "../../support/memory/world.ts";

const text = new TextDecoder();
const url1 = `socks5://${HOP1}`, url2 = `socks5://[${HOP2}]:1080`, url3 = `socks5://${HOP3}:1080`;

/** The first gateway goes on to the second for all, and that one to the third: 4 → 6 → 4 → 6. */
async function addThree(world: ChainWorld, options: LinkOptions = {}): Promise<Link> {
  const first = await world.add([HOP1], {
    others: ["2001:db8:2::11"],
    rules: [{ action: "allow", via: [url2] }],
    ...options,
  });
  await world.add([HOP2], { others: ["192.0.2.12"], rules: [{ action: "allow", via: [url3] }] });
  await world.add([HOP3], { others: ["2001:db8:5::13", "203.0.113.13"] });
  return first;
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => assert.fail("it resolved"), (error) => error);
}

async function talk(socket: Socket, server: Server): Promise<void> {
  await socket.write(bytes("'hello'"));
  await settle();
  assert.equal(server.peer.heardText(), "hello");
  await server.peer.send("'goodbye'");
  assert.equal(text.decode((await socket.read())!), "goodbye");
  socket.close();
  await server.peer.close();
}

/** Something in place of a gateway that says `answers`, one after each thing it hears. */
async function scripted(world: ChainWorld, host: string, answers: readonly string[]): Promise<string[]> {
  const net = world.internet.host(host);
  const listener = await net.listen({ host, port: 1080 });
  const heard: string[] = [];
  void (async () => {
    for (let socket = await listener.accept(); socket; socket = await listener.accept()) {
      void (async (socket) => {
        for (const answer of answers) {
          const chunk = await socket.read();
          if (!chunk) return socket.close();
          heard.push(hex(chunk));
          await socket.write(bytes(answer));
        }
        for (let chunk = await socket.read(); chunk; chunk = await socket.read()) heard.push(hex(chunk));
        socket.close();
      })(socket).catch(() => {});
    }
  })();
  return heard;
}

chainTest(
  "CONNECT goes through three gateways by their rules, and only the last resolves the name",
  async (world) => {
    const first = await addThree(world);
    world.links[2]!.resolver.set("server.example", [SERVER6]);
    const server = new Server(await world.server.listen({ host: SERVER6, port: 80 }));
    await talk(await world.via(url1).connect({ host: "server.example", port: 80 }), server);
    await talk(await world.via(url1).connect({ host: SERVER6, port: 80 }), server);
    assert.deepEqual(world.links.map(({ resolver }) => resolver.asked), [[], [], ["server.example"]]);
    const [record] = world.records(first);
    assert.equal(record!.via, `socks5://[${HOP2}]:1080`);
    assert.deepEqual([record!.relayType, record!.counts], ["B", { up: 5, down: 7 }]);
    server.close();
  },
);

chainTest("CONNECT goes through all hops that one rule lists", async (world) => {
  await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2, url3] }] });
  await world.add([HOP2], { others: ["192.0.2.12"] });
  await world.add([HOP3], { others: ["2001:db8:5::13"] });
  const server = new Server(await world.server.listen({ host: SERVER6, port: 80 }));
  await talk(await world.via(url1).connect({ host: SERVER6, port: 80 }), server);
  assert.equal(world.records(world.links[0]!)[0]!.via, `socks5://[${HOP2}]:1080 > socks5://${HOP3}:1080`);
  server.close();
});

chainTest("some destinations use the upstream, and others connect directly", async (world) => {
  const rules = [{ action: "allow", names: ["far.example"], via: [url2] }, {
    action: "allow",
    to: ["2001:db8:5::/48"],
    via: [url2],
  }] as const;
  const first = await addThree(world, { rules });
  first.resolver.set("near.example", [SERVER4]);
  world.links[2]!.resolver.set("far.example", [SERVER4]);
  const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
  const six = new Server(await world.server.listen({ host: SERVER6, port: 80 }));
  await talk(await world.via(url1).connect({ host: "near.example", port: 80 }), server);
  await talk(await world.via(url1).connect({ host: "far.example", port: 80 }), server);
  await talk(await world.via(url1).connect({ host: SERVER6, port: 80 }), six);
  assert.deepEqual(world.records(first).map(({ via }) => via), [
    undefined,
    `socks5://[${HOP2}]:1080`,
    `socks5://[${HOP2}]:1080`,
  ]);
  server.close();
  six.close();
});

chainTest(
  "a name that the gateway resolved for its rules goes to the upstream as the judged address",
  async (world) => {
    const heard = await scripted(world, HOP2, ["05 00", hex(encodeReply(5))]);
    const first = await world.add([HOP1], {
      others: ["2001:db8:2::11"],
      rules: [{ action: "allow", to: [`${SERVER4}/32`], via: [url2] }],
    });
    first.resolver.set("server.example", [SERVER4]);
    await rejection(world.via(url1).connect({ host: "server.example", port: 80 }));
    assert.deepEqual(heard, ["05 01 00", "05 01 00 01 cb 00 71 50 00 50"]);
  },
);

for (const reply of [1, 2, 3, 4, 5, 6, 7, 8, 0x42, 0xff]) {
  chainTest(`the client receives the reply ${reply} of the next gateway unchanged`, async (world) => {
    await scripted(world, HOP2, ["05 00", hex(encodeReply(reply))]);
    await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
    for (const call of ["connect", "bind"] as const) {
      const error = await rejection(world.via(url1)[call]({ host: SERVER4, port: 80 }));
      assert.ok(error instanceof ReplyError);
      assert.equal(error.reply, reply);
    }
    assert.deepEqual(world.records(world.links[0]!).map(({ end }) => end), ["refused", "refused"]);
  });
}

chainTest(
  "data in the segment of the reply arrives first, and early data is not lost",
  async (world) => {
    const heard = await scripted(world, HOP2, ["05 00", `${hex(encodeReply(0))} 'banner'`, "'more'"]);
    await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
    const client = new Peer(await world.client.connect({ host: HOP1, port: 1080 }));
    await client.send("05 01 00");
    await client.send(joined(bytes("05 01 00 03 01 'a' 00 50"), bytes("'early'")));
    assert.equal(client.heardText().slice(2 + 10), "bannermore");
    assert.equal(text.decode(bytes(heard[2]!)), "early");
    await client.close();
    assert.deepEqual(world.records(world.links[0]!)[0]!.counts, { up: 5, down: 10 });
  },
);

/** Takes all credentials, and remembers them. */
function remembering(): Authenticator & { readonly seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    verify: ({ username, password }: Credentials) => {
      seen.push(`${text.decode(username)}:${text.decode(password)}`);
      return Promise.resolve({ good: true });
    },
  };
}

chainTest("the client's credentials are never forwarded, those of the upstream never logged", async (world) => {
  const [near, far] = [remembering(), remembering()];
  const via = [`socks5://up:str%C3%A9am@[${HOP2}]`];
  const first = await world.add([HOP1], {
    others: ["2001:db8:2::11"],
    authenticator: near,
    rules: [{ action: "allow", via }],
  });
  await world.add([HOP2], { others: ["203.0.113.13"], authenticator: far });
  const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
  await talk(await world.via(`socks5://client:secret@${HOP1}`).connect({ host: SERVER4, port: 80 }), server);
  assert.deepEqual([near.seen, far.seen], [["client:secret"], ["up:stréam"]]);
  assert.doesNotMatch(JSON.stringify(first.events), /str(é|%C3%A9)am|secret|up:/);
  server.close();
});

chainTest(
  "an upstream that refuses the gateway's credentials counts as down, and the client is not at fault",
  async (world) => {
    await scripted(world, HOP2, ["05 02", "01 01"]);
    const via = [`socks5://up:stream@[${HOP2}]`];
    const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via }] });
    const error = await rejection(world.via(url1).connect({ host: SERVER4, port: 80 }));
    assert.equal((error as ReplyError).reply, 1);
    assert.match(
      world.records(first)[0]!.detail!,
      /Cannot log in to socks5:\/\/\[2001:db8:2::12\]:1080: it takes other cred/,
    );
    assert.doesNotMatch(JSON.stringify(first.events), /up:stream/);
  },
);

chainTest("BIND goes through three gateways, and the client receives both replies of the last", async (world) => {
  const first = await addThree(world);
  for (const host of [SERVER4, "0.0.0.0"]) {
    const rendezvous = await world.via(url1).bind({ host, port: 0 });
    assert.ok(["203.0.113.13", HOP3].includes(rendezvous.addr.host), rendezvous.addr.host);
    const accepted = rendezvous.accept();
    const peer = new Peer(await world.server.connect(rendezvous.addr));
    const { socket, addr } = await accepted;
    assert.deepEqual(addr, peer.socket.localAddr);
    await peer.send("'data'");
    assert.equal(text.decode((await socket.read())!), "data");
    await socket.write(bytes("'back'"));
    await settle();
    assert.equal(peer.heardText(), "back");
    socket.close();
    await peer.close();
  }
  assert.deepEqual(world.records(first).map(({ counts }) => counts), [{ up: 4, down: 4 }, { up: 4, down: 4 }]);
});

chainTest(
  "BIND through an upstream ends on all gateways when the client disconnects or no peer connects",
  async (world) => {
    await addThree(world);
    const rendezvous = await world.via(url1).bind({ host: SERVER4, port: 0 });
    rendezvous.close();
    await settle();
    assert.deepEqual(world.links.map((link) => world.records(link)[0]?.end), Array(3).fill("client-left"));
    const waiting = await world.via(url1).bind({ host: SERVER4, port: 0 });
    const late = rejection(waiting.accept({ deadlineMs: 600_000 }));
    await world.clock.advance(180_000);
    assert.equal((await late as ReplyError).reply, 6);
  },
);

chainTest("an unspecified address in a BIND reply becomes the address of the upstream", async (world) => {
  await scripted(world, HOP2, ["05 00", hex(encodeReply(0, ipAddress("::", 777)))]);
  await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
  const rendezvous = await world.via(url1).bind({ host: SERVER4, port: 0 });
  assert.deepEqual(rendezvous.addr, { host: HOP2, port: 777 });
  rendezvous.close();
  await settle();
});

chainTest("data of the BIND peer in the segment of the second reply is not lost", async (world) => {
  const second = hex(encodeReply(0, ipAddress(SERVER4, 9)));
  await scripted(world, HOP2, ["05 00", `${hex(encodeReply(0))} ${second} 'banner'`]);
  await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
  const { socket } = await (await world.via(url1).bind({ host: SERVER4, port: 0 })).accept();
  assert.equal(text.decode((await socket.read())!), "banner");
  socket.close();
  await settle();
});

chainTest("a BIND peer that the rules deny is refused, also on an upstream", async (world) => {
  await scripted(world, HOP2, ["05 00", `${hex(encodeReply(0))} ${hex(encodeReply(0, ipAddress("127.0.0.1", 9)))}`]);
  const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
  const rendezvous = await world.via(url1).bind({ host: "0.0.0.0", port: 0 });
  assert.equal((await rejection(rendezvous.accept()) as ReplyError).reply, 2);
  assert.equal(world.records(first)[0]!.detail, "loopback destination 127.0.0.1");
});

async function echo(world: ChainWorld, host: string): Promise<() => void> {
  const socket = await world.server.bindUdp({ host, port: 53 });
  void (async () => {
    for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
      await socket.send(batch.map((one) => ({ ...one, bytes: joined(bytes("'echo '"), one.bytes) })));
    }
  })();
  return () => socket.close();
}

async function ask(client: Client, hosts: readonly string[]): Promise<string[]> {
  const association = await client.associate();
  const heard: string[] = [];
  for (const host of hosts) {
    await association.send(new TextEncoder().encode(host), { host, port: 53 });
    const { payload, source } = (await association.receive())!;
    heard.push(`${source.host} ${text.decode(payload)}`);
  }
  association.close();
  await settle();
  return heard;
}

chainTest(
  "UDP goes through three gateways, by name and address, and only the last resolves names",
  async (world) => {
    const first = await addThree(world);
    const close = await echo(world, SERVER6);
    world.links[2]!.resolver.set("dns.example", [SERVER6]);
    const heard = await ask(world.via(url1), [SERVER6, "dns.example", SERVER6]);
    assert.deepEqual(heard, [
      `${SERVER6} echo ${SERVER6}`,
      `${SERVER6} echo dns.example`,
      `${SERVER6} echo ${SERVER6}`,
    ]);
    assert.deepEqual(world.links.map(({ resolver }) => resolver.asked), [[], [], ["dns.example"]]);
    const [record] = world.records(first);
    assert.deepEqual([record!.datagrams, record!.via], [{ up: 3, down: 3 }, `socks5://[${HOP2}]:1080`]);
    close();
  },
);

chainTest("one UDP association sends some datagrams directly and some through an upstream", async (world) => {
  const first = await addThree(world, { rules: [{ action: "allow", to: ["2001:db8:5::/48"], via: [url2] }] });
  const closers = [await echo(world, SERVER6), await echo(world, SERVER4)];
  const heard = await ask(world.via(url1), [SERVER6, SERVER4, SERVER6]);
  assert.deepEqual(heard, [SERVER6, SERVER4, SERVER6].map((host) => `${host} echo ${host}`));
  assert.equal(world.records(first)[0]!.datagrams.up, 3);
  assert.equal(world.records(world.links[1]!)[0]!.datagrams.up, 2);
  for (const close of closers) close();
});

chainTest("UDP opens a new association when the upstream's association has ended", async (world) => {
  const upstreams = [{ name: "both", policy: "in-order", chains: [[url2], [url3]], probe: undefined }] as const;
  await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: ["both"] }], upstreams });
  const second = await world.add([HOP2], { others: ["203.0.113.12"] });
  await world.add([HOP3], { others: ["203.0.113.13"] });
  const close = await echo(world, SERVER4);
  const association = await world.via(url1).associate();
  const exchange = async () => {
    await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
    assert.equal(text.decode((await association.receive())!.payload), "echo x");
  };
  await exchange();
  const drained = second.gateway.drain(0);
  await world.clock.advance(0);
  await drained;
  await settle();
  await exchange();
  await settle();
  assert.equal(world.links[2]!.gateway.sessionCount, 1);
  association.close();
  close();
});

const two: Upstream = { name: "two", policy: "in-order", chains: [[url2], [url3]], probe: undefined };

async function addAlternatives(
  world: ChainWorld,
  upstream: Partial<Upstream> = {},
  options: LinkOptions = {},
): Promise<Link> {
  await world.add([HOP2], { others: ["203.0.113.12"] });
  await world.add([HOP3], { others: ["203.0.113.13"] });
  return await world.add([HOP1], {
    others: ["2001:db8:2::11"],
    rules: [{ action: "allow", via: ["two"] }],
    upstreams: [{ ...two, ...upstream }],
    ...options,
  });
}

/** Which of the alternatives each of `count` connections took: 2 or 3. */
async function taken(world: ChainWorld, count: number): Promise<number[]> {
  const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
  const hosts: number[] = [];
  for (let i = 0; i < count; i++) {
    const socket = await world.via(url1).connect({ host: SERVER4, port: 80 });
    await settle();
    hosts.push(Number(server.peer.socket.remoteAddr.host.at(-1)));
    socket.close();
    await settle();
  }
  server.close();
  return hosts;
}

chainTest("alternatives are used in order, and the next one if an upstream is unreachable", async (world) => {
  const first = await addAlternatives(world);
  assert.deepEqual(await taken(world, 2), [2, 2]);
  world.internet.route(HOP2, { fault: "refused" });
  assert.deepEqual(await taken(world, 2), [3, 3]);
  assert.equal(first.net.dialled.filter(({ host }) => host === HOP2).length, 3, "it is left alone once it is down");
  world.internet.route(HOP2, {});
  await world.clock.advance(1_000);
  assert.deepEqual(await taken(world, 2), [2, 2]);
  const changes = first.events.flatMap((event) => event.type === "upstream" ? [`${event.chain} ${event.up}`] : []);
  assert.deepEqual(changes, [
    `socks5://[${HOP2}]:1080 true`,
    `socks5://[${HOP2}]:1080 false`,
    `socks5://${HOP3}:1080 true`,
    `socks5://[${HOP2}]:1080 true`,
  ]);
});

chainTest("alternatives take turns by round robin", async (world) => {
  await addAlternatives(world, { policy: "round-robin" });
  assert.deepEqual(await taken(world, 4), [2, 3, 2, 3]);
});

chainTest("the policy lowest-latency uses the alternative with the lowest latency in probes", async (world) => {
  await addAlternatives(world, { policy: "lowest-latency" }, { probeMs: 10_000 });
  world.internet.route(HOP2, { afterMs: 80 });
  world.internet.route(HOP3, { afterMs: 20 });
  await world.clock.advance(11_000);
  world.internet.route(HOP2, {});
  world.internet.route(HOP3, {});
  assert.deepEqual(await taken(world, 2), [3, 3]);
});

chainTest("an alternative that does not answer does not use up the whole deadline", async (world) => {
  await addAlternatives(world);
  world.internet.route(HOP2, { fault: "silent" });
  const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
  const connecting = world.via(url1).connect({ host: SERVER4, port: 80 });
  await world.clock.advance(7_500);
  (await connecting).close();
  server.close();
});

chainTest(
  "an upstream that replies 01 is skipped, and a reply about the destination is final",
  async () => {
    for (const [answer, dialled] of [["05 01", true], ["05 04", false]] as const) {
      const own = new ChainWorld();
      await scripted(own, HOP2, ["05 00", answer]);
      await own.add([HOP1], {
        others: ["2001:db8:2::11"],
        rules: [{ action: "allow", via: ["two"] }],
        upstreams: [two],
      });
      const third = await own.add([HOP3], { others: ["203.0.113.13"] });
      const error = await rejection(own.via(url1).connect({ host: SERVER4, port: 81 }));
      assert.equal((error as ReplyError).reply, dialled ? 5 : 4);
      assert.equal(own.records(third).length, dialled ? 1 : 0);
      await own.end();
    }
  },
);

chainTest("a single chain that is down is still tried, and the reply is 01 at once", async (world) => {
  await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
  for (let i = 0; i < 3; i++) {
    const error = await rejection(world.via(url1).connect({ host: SERVER4, port: 80 }));
    assert.equal((error as ReplyError).reply, 1);
  }
  await world.add([HOP2], { others: ["203.0.113.12"] });
  assert.deepEqual(await taken(world, 1), [2]);
});

chainTest("probes detect without a client that a chain is down and up again", async (world) => {
  const first = await addAlternatives(world, {}, { probeMs: 10_000 });
  await world.clock.advance(1);
  world.internet.route(HOP2, { fault: "refused" });
  await world.clock.advance(10_000);
  const states = () => first.events.flatMap((event) => event.type === "upstream" ? [event.up] : []);
  assert.deepEqual(states(), [true, true, false]);
  world.internet.route(HOP2, {});
  await world.clock.advance(1_000);
  assert.deepEqual(states(), [true, true, false, true]);
});

chainTest("probes connect to a configured destination, and end at their deadline", async (world) => {
  const first = await addAlternatives(world, { probe: ipAddress(SERVER4, 80) }, { probeMs: 10_000 });
  world.internet.route(SERVER4, { fault: "silent" });
  await world.clock.advance(6_000);
  const states = first.events.flatMap((event) => event.type === "upstream" ? [event.up] : []);
  assert.deepEqual(states.slice(0, 2), [false, false]);
});

chainTest("probes of a chain that stays down back off", async (world) => {
  const first = await addAlternatives(world, { chains: [[url2]] }, { probeMs: 10_000 });
  world.internet.route(HOP2, { fault: "refused" });
  await world.clock.advance(300_000);
  const tries = first.net.dialled.length;
  assert.ok(tries >= 8 && tries <= 14, `${tries} probes in 5 minutes`);
});

for (
  const [what, via] of [
    ["its own listener", url1],
    ["its own listener by a name", "socks5://self.example"],
  ] as const
) {
  chainTest(`a gateway does not use ${what} as an upstream`, async (world) => {
    const first = await world.add([HOP1], { rules: [{ action: "allow", via: [via] }] });
    first.resolver.set("self.example", [HOP1]);
    const error = await rejection(world.via(url1).connect({ host: SERVER4, port: 80 }));
    assert.equal((error as ReplyError).reply, 1);
    assert.match(world.records(first)[0]!.detail!, /that is this gateway itself/);
    assert.deepEqual(first.net.dialled, []);
  });
}

chainTest("a gateway does not return to itself through another gateway", async (world) => {
  const first = await addThree(world, { rules: [{ action: "allow", via: [url2, `${url1}:1080`] }] });
  await rejection(world.via(url1).connect({ host: SERVER4, port: 80 }));
  assert.match(world.records(first)[0]!.detail!, /that is this gateway itself/);
});

chainTest(
  "an HTTP proxy is a hop for CONNECT with Basic credentials, and other commands have the reply 07",
  async (world) => {
    const heard = await scripted(world, HOP2, ["'HTTP/1.1 200 OK' 0d 0a 'Content-Length: 9' 0d 0a 0d 0a 'tail'"]);
    const via = [`http://up:stream@[${HOP2}]:1080`];
    await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via }] });
    const socket = await world.via(url1).connect({ host: "server.example", port: 443 });
    assert.equal(text.decode((await socket.read())!), "tail");
    socket.close();
    await settle();
    assert.equal(
      text.decode(bytes(heard[0]!)),
      "CONNECT server.example:443 HTTP/1.1\r\nHost: server.example:443\r\nProxy-Authorization: Basic dXA6c3RyZWFt\r\n\r\n",
    );
    assert.equal((await rejection(world.via(url1).bind({ host: SERVER4, port: 0 })) as ReplyError).reply, 7);
  },
);

for (const [status, reply] of [[403, 2], [404, 4], [407, 1], [502, 4], [504, 6], [500, 1]] as const) {
  chainTest(`the HTTP status ${status} becomes the reply ${reply}`, async (world) => {
    await scripted(world, HOP2, [`'HTTP/1.0 ${status} No' 0d 0a 0d 0a`]);
    await world.add([HOP1], {
      others: ["2001:db8:2::11"],
      rules: [{ action: "allow", via: [`http://[${HOP2}]:1080`] }],
    });
    const error = await rejection(world.via(url1).connect({ host: SERVER4, port: 80 }));
    assert.equal((error as ReplyError).reply, reply);
  });
}

chainTest("a rule with an unknown upstream is refused", async (world) => {
  await assert.rejects(world.add([HOP1], { rules: [{ action: "allow", via: ["nowhere"] }] }), RangeError);
});

chainTest("a session that is cut while its upstream dials leaves no socket open", async (world) => {
  const first = await addThree(world);
  world.internet.route(SERVER4, { fault: "silent" });
  const connecting = rejection(world.via(url1).connect({ host: SERVER4, port: 80 }));
  await settle();
  const drained = first.gateway.drain(0);
  await world.clock.advance(0);
  await drained;
  assert.ok(await connecting instanceof NetError);
  await settle();
  assert.deepEqual(first.net.open, []);
});

for (
  const [command, host, told, reply] of [
    [Command.Resolve, "server.example", SERVER6, 0],
    [Command.ResolvePtr, SERVER6, "server.example", 0],
    [Command.Resolve, "absent.example", undefined, 4],
    [Command.Resolve, "closed.example", undefined, 2],
  ] as const
) {
  chainTest(`command ${command} for ${host} goes to the upstream: ${told ?? `reply ${reply}`}`, async (world) => {
    const settings = { resolveCommands: true };
    const first = await world.add([HOP1], {
      others: ["2001:db8:2::11"],
      settings,
      rules: [{ action: "deny", to: ["198.51.100.0/24"] }, { action: "allow", via: [url2] }],
    });
    const second = await world.add([HOP2], { settings });
    second.resolver.set("server.example", [SERVER6]);
    second.resolver.set(SERVER6, ["server.example"]);
    second.resolver.set("closed.example", ["198.51.100.7"]);
    const client = new Peer(await world.client.connect({ host: HOP1, port: 1080 }));
    await client.send("05 01 00");
    client.heard();
    await client.send(request(command, { host, port: 0 }));
    await settle();
    const bound = told === undefined ? undefined : ipAddress(told, 0) ?? nameAddress(told, 0);
    assert.equal(client.heard(), hex(encodeReply(reply, bound)));
    await client.close();
    assert.deepEqual([first.resolver.asked, second.resolver.asked], [[], [host]]);
  });
}
