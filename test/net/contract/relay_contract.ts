import assert from "node:assert/strict";
import type { ByteCounts, RelayEnd, Socket, Throttle } from "../../../src/net/socket.ts";
import { requestBody } from "../../../src/protocol/http/http_body.ts";
import { joined, joinedAll } from "../../../src/protocol/octets.ts";
import { until, within } from "../../support/program/until.ts";
import { echo, ending, hash, hear, isPending, kindOf, noise, take, writeOn } from "./stream.ts";
import { type Bench, descriptorCount, type Suite } from "./suite.ts";

const MIB = 1 << 20;
const HELLO = new TextEncoder().encode("hello");

/** Descriptors that an adapter may keep for what its next relays move: 16 pipes. How many those before needed at a time nobody knows. */
const KEPT = 32;

/** A client and a server with a relay between them; `near` and `far` are the relay's own sockets. */
interface Relayed {
  readonly client: Socket;
  readonly server: Socket;
  readonly near: Socket;
  readonly far: Socket;
  readonly counts: ByteCounts;
  readonly end: Promise<RelayEnd>;
}

/** So many bytes a second, each way; nothing ahead of it. */
function throttle(bandwidth: number): Throttle {
  const throughAt = { up: 0, down: 0 };
  return {
    take(direction, bytes) {
      const now = performance.now();
      throughAt[direction] = Math.max(now, throughAt[direction]) + (bytes * 1_000) / bandwidth;
      return throughAt[direction] - now;
    },
  };
}

async function relayed(
  bench: Bench,
  { idleMs = 30_000, bandwidth = 0, before = (_: Omit<Relayed, "end">) => {} } = {},
) {
  const [[client, near], [far, server]] = await Promise.all([bench.pair(), bench.pair()]);
  const counts = { up: 0, down: 0 };
  const parts = { client, server, near, far, counts };
  await before(parts);
  const options = { idleMs, counts, throttle: bandwidth > 0 ? throttle(bandwidth) : undefined };
  const end = within("the end of a relay", bench.net.relay(near, far, options), 50_000);
  end.catch(() => {}); // told by whoever waits for it
  return { ...parts, end };
}

export function relayContract(suite: Suite): void {
  suite.test("relay() relays bytes in both directions and counts them while it runs", async (bench) => {
    const { client, server, counts, end } = await relayed(bench);
    await client.write(HELLO);
    assert.deepEqual(await take(server, 5), HELLO);
    await until("5 octets up are counted", () => counts.up === 5);
    await server.write(noise(300));
    await take(client, 300);
    await until("300 octets down are counted", () => counts.down === 300);
    assert.equal(await isPending(end, 20), true);
    client.close();
    server.close();
    assert.equal(await end, "end");
    assert.deepEqual(counts, { up: 5, down: 300 });
  });

  suite.test("relay() first passes on the bytes that the caller read before, and counts them", async (bench) => {
    const [[client, near], [far, server]] = await Promise.all([bench.pair(), bench.pair()]);
    const counts = { up: 0, down: 0 }, up = noise(100_000, 1), down = noise(200_000, 2);
    const end = bench.net.relay(near, far, { idleMs: 30_000, counts, early: up, ahead: down });
    await client.write(HELLO);
    await server.write(HELLO);
    assert.deepEqual(await take(server, up.length + 5), joined(up, HELLO));
    assert.deepEqual(await take(client, down.length + 5), joined(down, HELLO));
    client.close();
    server.close();
    await end;
    assert.deepEqual(counts, { up: up.length + 5, down: down.length + 5 });
  });

  for (const ahead of [undefined, new TextEncoder().encode("one")]) {
    const how = ahead ? ", including bytes read before relay()" : "";
    suite.test(`relay() lets a preface rewrite the first bytes of the destination${how}, and leaves the rest unchanged`, async (bench) => {
      const [[client, near], [far, server]] = await Promise.all([bench.pair(), bench.pair()]);
      // Takes the first line for itself, and says another.
      let kept = "";
      const preface = {
        done: false,
        take(chunk: Uint8Array) {
          kept += String.fromCharCode(...chunk);
          const at = kept.indexOf("\n");
          if (at < 0) return new Uint8Array(0);
          this.done = true;
          return Uint8Array.from(`changed${kept.slice(at)}`, (letter) => letter.charCodeAt(0));
        },
        end: () => new TextEncoder().encode("over"),
      };
      const end = bench.net.relay(near, far, {
        idleMs: 30_000,
        counts: { up: 0, down: 0 },
        ahead,
        preface: { down: preface },
      });
      await client.write(HELLO);
      assert.deepEqual(await take(server, 5), HELLO);
      await server.write(new TextEncoder().encode("two"));
      await server.write(new TextEncoder().encode("\nrest"));
      assert.deepEqual(await take(client, 12), new TextEncoder().encode("changed\nrest"));
      assert.equal(kept.startsWith(ahead ? "onetwo" : "two"), true);
      const size = 4 * MIB, sent = noise(size), heard = hear(client);
      await server.write(sent);
      await server.closeWrite();
      assert.deepEqual(await heard, { size, hash: hash(sent) });
      client.close();
      await end;
    });
  }

  suite.test("relay() sends the end text of a preface when the destination ends before the preface is done", async (bench) => {
    const [[client, near], [far, server]] = await Promise.all([bench.pair(), bench.pair()]);
    const preface = { done: false, take: () => new Uint8Array(0), end: () => new TextEncoder().encode("over") };
    const end = bench.net.relay(near, far, { idleMs: 30_000, counts: { up: 0, down: 0 }, preface: { down: preface } });
    await server.write(HELLO);
    await server.closeWrite();
    assert.deepEqual(await take(client, 4), new TextEncoder().encode("over"));
    client.close();
    await end;
  });

  for (const kind of ["a length", "chunks"] as const) {
    suite.test(`relay() drops client bytes after a request body with ${kind}, and continues in both directions`, async (bench) => {
      const [[client, near], [far, server]] = await Promise.all([bench.pair(), bench.pair()]);
      const counts = { up: 0, down: 0 }, early = noise(1_000, 1), behind = noise(2 * MIB, 2);
      const chunk = (size: number) =>
        joined(new TextEncoder().encode(`${size.toString(16)}\r\n`), noise(size + 2).fill(13, size));
      const chunks = [chunk(5 * MIB), ...Array.from({ length: 20 }, () => chunk(70_000)), chunk(0)]
        .map((one) => (one[one.length - 1] = 10, one));
      const body = kind === "chunks" ? joinedAll(chunks) : noise(6 * MIB + 7, 3);
      const up = requestBody(early.length, kind === "chunks" ? "chunked" : body.length, () => assert.fail());
      const end = bench.net.relay(near, far, { idleMs: 30_000, counts, early, preface: { up } });
      const wanted = joined(early, body), heard = take(server, wanted.length);
      await client.write(joined(body, behind));
      await server.write(HELLO);
      assert.deepEqual(await take(client, 5), HELLO);
      await client.write(behind);
      await client.closeWrite();
      assert.equal(hash(await heard), hash(wanted));
      await server.closeWrite();
      assert.equal(await end, "end");
      assert.equal(await server.read(), null);
      assert.deepEqual(counts, { up: wanted.length, down: 5 });
      server.close();
      client.close();
    });
  }

  suite.test("relay() does not pass on the client's end when the preface holds it", async (bench) => {
    const [[client, near], [far, server]] = await Promise.all([bench.pair(), bench.pair()]);
    const up = {
      done: false,
      holdsEnd: true,
      take: (chunk: Uint8Array) => chunk.slice(),
      end: () => new Uint8Array(0),
    };
    const end = bench.net.relay(near, far, { idleMs: 30_000, counts: { up: 0, down: 0 }, preface: { up } });
    await client.write(HELLO);
    await client.closeWrite();
    assert.deepEqual(await take(server, 5), HELLO);
    const more = server.read();
    assert.equal(await isPending(more, 50), true);
    await server.write(HELLO);
    assert.deepEqual(await take(client, 5), HELLO);
    await server.closeWrite();
    assert.equal(await more, null);
    assert.equal(await end, "end");
    server.close();
    client.close();
  });

  suite.test("relay() of 64 MiB in both directions at once changes no byte", async (bench) => {
    const { client, server, counts, end } = await relayed(bench);
    const size = 64 * MIB, sent = noise(size);
    const echoing = echo(server);
    const heard = hear(client);
    await client.write(sent);
    await client.closeWrite();
    assert.deepEqual(await heard, { size, hash: hash(sent) });
    await echoing;
    assert.equal(await end, "end");
    assert.deepEqual(counts, { up: size, down: size });
  });

  for (const [name, first, second] of [["client", "client", "server"], ["destination", "server", "client"]] as const) {
    suite.test(`relay() passes on the end of the ${name} and continues in the other direction`, async (bench) => {
      const parts = await relayed(bench);
      await parts[first].write(HELLO);
      await parts[first].closeWrite();
      assert.deepEqual(await take(parts[second], 5), HELLO);
      assert.equal(await parts[second].read(), null);
      assert.equal(await isPending(parts.end, 50), true);
      const sent = noise(2 * MIB), heard = hear(parts[first]);
      await parts[second].write(sent);
      await parts[second].closeWrite();
      assert.equal((await heard).hash, hash(sent));
      assert.equal(await parts.end, "end");
    });

    suite.test(`relay() passes on a reset by the ${name}`, async (bench) => {
      const parts = await relayed(bench);
      await parts[first].write(HELLO);
      await take(parts[second], 5);
      const end = ending(parts[second]);
      parts[first].reset();
      assert.equal(await end, "reset");
      assert.equal(await parts.end, "reset");
    });

    suite.test(`relay() passes on a reset by the half-closed ${name}`, async (bench) => {
      const parts = await relayed(bench);
      await parts[first].closeWrite();
      assert.equal(await parts[second].read(), null);
      parts[first].reset();
      assert.equal(await kindOf(writeOn(parts[second])), "reset");
      assert.equal(await parts.end, "reset");
    });

    suite.test(`relay() notices a reset by the receiver while the ${name} is under backpressure`, async (bench) => {
      const parts = await relayed(bench);
      const written = parts[first].write(new Uint8Array(64 * MIB)).catch(() => {});
      assert.equal(await isPending(written, 300), true);
      parts[second].reset();
      assert.equal(await parts.end, "reset");
      assert.equal(await ending(parts[first]), "reset");
    });

    suite.test(`relay() notices a reset by the ${name} under backpressure`, async (bench) => {
      const parts = await relayed(bench);
      const written = parts[first].write(new Uint8Array(64 * MIB)).catch(() => {});
      assert.equal(await isPending(written, 300), true);
      parts[first].reset();
      assert.equal(await within("the end of the relay, before it is idle", parts.end), "reset");
      assert.equal(await ending(parts[second]), "reset");
    });

    suite.test(`relay() applies backpressure to the ${name} for a slow reader`, async (bench) => {
      const parts = await relayed(bench);
      const sent = noise(64 * MIB);
      const written = parts[first].write(sent);
      assert.equal(await isPending(written, 700), true, "64 MiB were taken with nobody reading");
      const heard = hear(parts[second]);
      await written;
      await parts[first].closeWrite();
      assert.equal((await heard).hash, hash(sent));
      await parts[second].closeWrite();
      assert.equal(await parts.end, "end");
    });
  }

  suite.test("relay() passes on bytes and ends that arrived before it started", async (bench) => {
    const parts = await relayed(bench, {
      async before({ client, server }) {
        await client.write(HELLO);
        await server.write(noise(50_000));
        await client.closeWrite();
        await server.closeWrite();
      },
    });
    const heard = hear(parts.client);
    assert.equal((await hear(parts.server)).hash, hash(HELLO));
    assert.equal((await heard).hash, hash(noise(50_000)));
    assert.equal(await parts.end, "end");
    assert.deepEqual(parts.counts, { up: 5, down: 50_000 });
  });

  suite.test("relay() ends when both peers closed or reset before it started", async (bench) => {
    for (const how of ["close", "reset"] as const) {
      const { end } = await relayed(bench, {
        async before({ client, server, near, far }) {
          client[how]();
          server[how]();
          if (how === "reset") await Promise.all([near.closeWrite(), far.closeWrite()]);
        },
      });
      assert.equal(await end, how === "close" ? "end" : "reset");
    }
  });

  suite.test("relay() ends when both peers close at once", async (bench) => {
    const { client, server, end } = await relayed(bench);
    client.close();
    server.close();
    assert.equal(await end, "end");
  });

  suite.test("relay() ends when the caller closes its sockets, also with buffered bytes", async (bench) => {
    for (const stuck of [false, true]) {
      const { client, server, near, far, end } = await relayed(bench);
      const written = stuck ? client.write(new Uint8Array(64 * MIB)) : client.write(HELLO);
      if (stuck) assert.equal(await isPending(written, 200), true);
      else await written;
      written.catch(() => {});
      near.close();
      far.close();
      await end;
      assert.match(await ending(client), /^(end|reset)$/);
      assert.match(await ending(server), /^(end|reset)$/);
    }
  });

  suite.test("relay() ends after idleMs without a byte and closes both sockets", async (bench) => {
    const begun = performance.now();
    const { client, server, end } = await relayed(bench, { idleMs: 200 });
    assert.equal(await end, "idle");
    assert.ok(performance.now() - begun >= 195);
    assert.equal(await ending(client), "end");
    assert.equal(await ending(server), "end");
  });

  suite.test("relay() ends after idleMs when the client is half-closed and the destination sends nothing", async (bench) => {
    const { client, server, end } = await relayed(bench, { idleMs: 200 });
    await client.closeWrite();
    assert.equal(await end, "idle");
    assert.equal(await ending(server), "end");
  });

  suite.test("relay() ends after idleMs when the receiver reads nothing", async (bench) => {
    const { client, end } = await relayed(bench, { idleMs: 400 });
    client.write(new Uint8Array(64 * MIB)).catch(() => {});
    assert.equal(await end, "idle");
  });

  suite.test("relay() does not end while bytes move in one direction at intervals shorter than idleMs", async (bench) => {
    const idleMs = 2_500; // a thread may have to wait for its turn for a second
    const { client, server, counts, end } = await relayed(bench, { idleMs });
    const begun = performance.now();
    let ended = false;
    void end.then(() => ended = true);
    while (performance.now() - begun < 1.5 * idleMs) {
      await client.write(Uint8Array.of(1));
      await take(server, 1);
      await new Promise((resolve) => setTimeout(resolve, idleMs / 12));
      assert.equal(ended, false);
    }
    assert.ok(counts.up > 3);
    assert.equal(await end, "idle");
  });

  for (const name of ["client", "destination"] as const) {
    suite.test(`relay() keeps the position of urgent bytes from the ${name} in the stream`, async (bench) => {
      const blocks = 40, size = 300_000, peer = bench.python();
      const [other, near] = await bench.pair();
      const listener = await bench.listen();
      await peer.connect(listener.addr);
      const pair = [await bench.accept(listener), near] as const;
      const [client, destination] = name === "client" ? pair : [pair[1], pair[0]];
      const end = bench.net.relay(client, destination, { idleMs: 30_000, counts: { up: 0, down: 0 } });
      const heard = hear(other);
      await peer.sendMarked(blocks, size);
      await peer.finish();
      const block = new TextEncoder().encode("x".repeat(size) + "!");
      assert.deepEqual(await heard, {
        size: blocks * (size + 1),
        hash: hash(...Array.from({ length: blocks }, () => block)),
      });
      await other.closeWrite();
      assert.equal(await peer.hear(), "end 0");
      assert.equal(await end, "end");
    }, "python");
  }

  for (const [name, from, to] of [["up", "client", "server"], ["down", "server", "client"]] as const) {
    suite.test(`relay() respects the bandwidth limit in direction ${name} and loses no byte`, async (bench) => {
      const bandwidth = 8 * MIB, pieces = 6;
      const parts = await relayed(bench, { bandwidth });
      const begun = performance.now();
      for (let i = 0; i < pieces; i++) { // one at a time, so that no more is on its way
        const sent = noise(MIB, i);
        const [came] = await Promise.all([take(parts[to], MIB), parts[from].write(sent)]); // buffers may hold less
        assert.equal(hash(came), hash(sent));
      }
      const seconds = (performance.now() - begun) / 1_000;
      // What the last turn brought is through before its rest is over.
      const rate = (pieces - 1) / seconds;
      assert.ok(rate < 1.15 * bandwidth / MIB, `${rate} MiB/s`);
      await parts[from].closeWrite();
      assert.equal((await hear(parts[to])).size, 0);
      await parts[to].closeWrite();
      assert.equal(await parts.end, "end");
    });
  }

  suite.test("a throttled relay() ends at once on a reset or when the caller closes its sockets", async (bench) => {
    for (const how of ["reset", "close"] as const) {
      const parts = await relayed(bench, { bandwidth: 1_000 });
      parts.client.write(new Uint8Array(MIB)).catch(() => {});
      await until("it rests", () => parts.counts.up > 0);
      if (how === "reset") parts.server.reset();
      else [parts.near, parts.far].forEach((socket) => socket.close());
      await within("its end", parts.end); // it would rest for a minute
    }
  });

  suite.test("200 simultaneous relays do not mix their bytes and leak no file descriptor", async (bench) => {
    const one = async (seed: number) => {
      const { client, server, counts, end } = await relayed(bench);
      const sent = noise(100_000 + seed, seed + 1), heard = hear(client), echoing = echo(server);
      await client.write(sent);
      await client.closeWrite();
      assert.deepEqual(await heard, { size: sent.length, hash: hash(sent) });
      await echoing;
      assert.equal(await end, "end");
      assert.deepEqual(counts, { up: sent.length, down: sent.length });
      client.close();
      server.close();
    };
    await one(0); // opens what is opened once
    const before = suite.subject.real ? descriptorCount() : 0;
    await Promise.all(Array.from({ length: 200 }, (_, i) => one(i)));
    if (!suite.subject.real) return;
    await until("the descriptors are given back", () => descriptorCount() <= before + KEPT + 1);
  });

  suite.test("relays that end by a reset or idle timeout leak no file descriptor", async (bench) => {
    const tooMuch = new Uint8Array(8 * MIB);
    const one = async (how: "reset" | "idle" | "stuck") => {
      const { client, server, end } = await relayed(bench, { idleMs: how === "reset" ? 30_000 : 100 });
      if (how === "reset") client.reset();
      if (how === "stuck") client.write(tooMuch).catch(() => {});
      assert.equal(await end, how === "reset" ? "reset" : "idle");
      if (how === "stuck") return () => [client, server].forEach((socket) => socket.close());
      client.close();
      server.close();
      return () => {};
    };
    await one("reset");
    const before = descriptorCount();
    await Promise.all(Array.from({ length: 30 }, (_, i) => one(i % 2 ? "reset" : "idle")));
    await until("the descriptors are given back", () => descriptorCount() <= before + 1);
    const ends = await Promise.all(Array.from({ length: KEPT }, () => one("stuck")));
    const ownOfTest = 2 * ends.length;
    await until("those of stuck relays are given back", () => descriptorCount() <= before + ownOfTest + KEPT + 1);
    for (const end of ends) end();
  }, "descriptors");
}
