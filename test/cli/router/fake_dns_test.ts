import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, test } from "node:test";
import { decode, encode, type Packet, streamDecode, streamEncode } from "dns-packet";
import fc from "fast-check";
import { FakeDns } from "../../../src/cli/router/fake_dns.ts";
import { systemClock } from "../../../src/net/clock.ts";
import { openNet } from "../../../src/net/open.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { FakeAddresses } from "../../../src/sockslib/fake/fake_addresses.ts";
import { freePort } from "../../support/network/free_port.ts";
import { ScriptedDns } from "../../support/names/dns_server.ts";

const net = await openNet();

const names = new FakeAddresses({ clock: systemClock });
const clients = new Set<string>();
const faults: unknown[] = [], outcomes: string[] = [];
const real = await ScriptedDns.start(net, { host: "127.0.0.1", port: await freePort(net) });
const dns = await FakeDns.open(
  { net, clock: systemClock, fault: (error) => faults.push(error) },
  { host: "127.0.0.1", port: 0 },
  {
    count: (outcome) => outcomes.push(outcome),
    answering(client) {
      clients.add(client);
      return { names, ttlS: 60, exists: (name) => Promise.resolve(!name.endsWith(".none")) };
    },
    serversFor: (name) => name.endsWith(".real") ? [real.addr] : name.endsWith(".nobody") ? [] : undefined,
  },
);
after(() => {
  dns.close();
  real.close();
});

type Asking = (query: Uint8Array) => Promise<Uint8Array>;

const byUdp: Asking = async (query) => {
  const socket = await net.bindUdp({ host: "127.0.0.1", port: 0 });
  try {
    await socket.send([{ bytes: query, addr: dns.addr }]);
    const [{ bytes, addr }] = (await socket.receive())! as [{ bytes: Uint8Array; addr: SocketAddr }];
    assert.deepEqual(addr, dns.addr, "from where it was asked");
    return bytes.slice();
  } finally {
    socket.close();
  }
};

const byTcp: Asking = async (query) => {
  const socket = await net.connect(dns.addr);
  try {
    await socket.write(new Uint8Array([query.length >> 8, query.length & 255, ...query]));
    let all = new Uint8Array(0);
    while (all.length < 2 || all.length < 2 + ((all[0]! << 8) | all[1]!)) {
      const chunk = await socket.read();
      if (!chunk) throw new Error("the end");
      all = new Uint8Array([...all, ...chunk]);
    }
    return all.slice(2);
  } finally {
    socket.close();
  }
};

const query = (type: string, name: string, id = 4646) =>
  new Uint8Array(encode({ type: "query", id, flags: 256, questions: [{ type, name } as never] }));

async function asked(asking: Asking, type: string, name: string) {
  const answer = await asking(query(type, name)), packet = decode(Buffer.from(answer)) as Packet;
  const { id, questions, answers } = packet;
  return {
    id,
    name: questions![0]!.name,
    rcode: answer[3]! & 15,
    data: answers!.map((answer) => (answer as { data: unknown }).data),
  };
}

for (const [how, asking] of [["UDP", byUdp], ["TCP", byTcp]] as const) {
  test(`fake DNS by ${how} answers with fake addresses, and keeps the case of the query name`, async () => {
    const four = await asked(asking, "A", "ExAmple.Test"), six = await asked(asking, "AAAA", "example.test");
    assert.deepEqual([four.id, four.name, four.rcode], [4646, "ExAmple.Test", 0]);
    for (const { data } of [four, six]) assert.equal(names.nameOf(data[0] as string), "example.test");
    assert.deepEqual((await asked(asking, "HTTPS", "example.test")).data, []);
    assert.equal((await asked(asking, "A", "example.none")).rcode, 3);
    assert.deepEqual([...clients], ["127.0.0.1"]);
    assert.deepEqual(outcomes.splice(0), ["answered", "answered", "answered", "no-such-name"]);
  });

  test(`fake DNS by ${how} forwards other queries, and returns the upstream answer unchanged`, async () => {
    real.set("TXT", "www.real", { answers: [{ type: "TXT", name: "www.real", data: "said so" }] });
    const { id, data, rcode } = await asked(asking, "TXT", "www.real");
    assert.deepEqual([id, rcode, String((data[0] as unknown[])[0] ?? data[0])], [4646, 0, "said so"]);
    assert.notEqual(real.sources.at(-1)?.id, 4646, "by a number of its own");
    assert.equal((await asked(asking, "A", "www.nobody")).rcode, 2, "there is no server");
    assert.deepEqual(outcomes.splice(0), ["forwarded", "failed"]);
  });
}

test("one TCP connection carries many queries, in segments of any size", async () => {
  const socket = await net.connect(dns.addr);
  const ids = [1, 2, 3],
    all = ids.map((id) => streamEncode({ type: "query", id, questions: [{ type: "A", name: "x.test" }] }));
  for (const octet of Buffer.concat(all)) await socket.write(Uint8Array.of(octet));
  let got: Uint8Array = new Uint8Array(0);
  const seen: number[] = [];
  while (seen.length < ids.length) {
    got = new Uint8Array([...got, ...(await socket.read())!]);
    for (;;) {
      const size = 2 + ((got[0]! << 8) | got[1]!);
      if (got.length < 2 || got.length < size) break;
      seen.push(streamDecode(Buffer.from(got.slice(0, size))).id!);
      got = got.slice(size);
    }
  }
  socket.close();
  assert.deepEqual(seen, ids);
});

test("one client has 16 connections at most", async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => net.connect(dns.addr)));
  const ends = await Promise.all(sockets.slice(16).map((socket) => socket.read().catch(() => null)));
  assert.deepEqual(ends, [null, null, null, null], "the server has closed those beyond 16");
  for (const socket of sockets) socket.close();
});

test("a malformed UDP query does not stop the next query", async () => {
  const socket = await net.bindUdp({ host: "127.0.0.1", port: 0 });
  const whole = query("A", "fuzz.test");
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, octet]) => whole.with(at, octet)),
    fc.nat(whole.length).map((size) => whole.slice(0, size)),
  );
  await fc.assert(
    fc.asyncProperty(octets, async (bytes) => {
      await socket.send([{ bytes, addr: dns.addr }]);
      assert.equal((await asked(byUdp, "A", "after.test")).rcode, 0);
    }),
    { numRuns: 200 },
  );
  socket.close();
  assert.deepEqual(faults, []);
});
