import assert from "node:assert/strict";
import { test } from "node:test";
import { guardedLibc } from "../../support/linux/guarded_libc.ts";
import { netOn, openLibc } from "../../support/linux/linux_net.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until, within } from "../../support/program/until.ts";
import { echo, hash, hear, kindOf, noise } from "../contract/stream.ts";

const libc = await openLibc();
const skip = skipped("guards_test.ts", libc ? false : "the Linux engine cannot run here");

test("guardedLibc() detects a call with a length beyond its buffer", { skip }, () => {
  const guarded = guardedLibc(libc!);
  const ends = new Int32Array(2), bytes = Uint8Array.of(1, 2, 3, 4);
  assert.equal(guarded.pipe2(ends, 0), 0);
  assert.equal(guarded.write(ends[1]!, bytes, 4), 4);
  assert.throws(() => guarded.read(ends[0]!, new Uint8Array(2), 4), /read\(\) wrote beyond its buffer/);
  for (const end of ends) guarded.close(end);
});

test(
  "no call of the Linux adapter exceeds its buffers: connections, relays, resets, datagrams",
  { skip },
  () => within("all of it", useAll(), 60_000),
);

async function useAll(): Promise<void> {
  const net = netOn(guardedLibc(libc!));
  for (const host of ["127.0.0.1", "::1"]) {
    const listener = await net.listen({ host, port: 0 });
    const pair = async () => {
      const accepted = listener.accept();
      return [await net.connect(listener.addr), (await accepted)!] as const;
    };
    for (const size of [0, 1, 511, 70_000, 3 << 20]) {
      const [[client, near], [far, server]] = [await pair(), await pair()];
      const end = net.relay(near, far, { idleMs: 30_000, counts: { up: 0, down: 0 } });
      const sent = noise(size), heard = hear(client), echoing = echo(server);
      await client.write(sent);
      await client.closeWrite();
      assert.deepEqual(await heard, { size, hash: hash(sent) });
      await echoing;
      assert.equal(await end, "end");
      client.close();
      server.close();
    }
    const [client, server] = await pair();
    client.keepAlive();
    assert.equal(server.remoteAddr.port, client.localAddr.port);
    client.reset();
    assert.equal(await kindOf(server.read()), "reset");
    server.close();
    listener.close();
    assert.equal(await kindOf(net.connect(listener.addr)), "refused");

    const [one, other] = [await net.bindUdp({ host, port: 0 }), await net.bindUdp({ host, port: 0 })];
    let got = 0;
    const receiving = (async () => {
      for (let batch = await other.receive(); batch; batch = await other.receive()) got += batch.length;
    })();
    const sizes = [0, 1, 100, 100, 100, 60_000, 1_200, 1_200, 7];
    assert.equal(await one.send(sizes.map((size) => ({ bytes: noise(size), addr: other.addr }))), 0);
    await until("all have come", () => got === sizes.length);
    one.close();
    other.close();
    await receiving;
  }
}
