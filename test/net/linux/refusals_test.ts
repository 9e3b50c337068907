import assert from "node:assert/strict";
import { test } from "node:test";
import { SO_REUSEPORT } from "../../../src/net/kernel/libc/abi.ts";
import { Engine } from "../../../src/net/linux/engine/engine.ts";
import { kernelFeatures, whyNoEngine } from "../../../src/net/kernel/features.ts";
import type { Libc } from "../../../src/net/kernel/libc/libc.ts";
import { linuxNet } from "../../../src/net/linux/linux_net.ts";
import { claimPort } from "../../../src/net/linux/tcp_listener.ts";
import { netOn, openLibc } from "../../support/linux/linux_net.ts";
import { refusingLibc } from "../../support/linux/refusing_libc.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until, within } from "../../support/program/until.ts";
import { echo, hash, hear, kindOf, noise } from "../contract/stream.ts";

const libc = await openLibc();
const skip = skipped("refusals_test.ts", libc ? false : "the Linux engine cannot run here");

const EBADF = 9, ENOMEM = 12, EINVAL = 22, ENOPROTOOPT = 92, EOPNOTSUPP = 95;

/** More calls in a row than any loop has reason for. */
const MANY = 10_000;

/** Refuses while `holds`; a loop that asks without end throws. */
function bounded(holds: () => boolean): () => boolean {
  let calls = 0;
  return () => {
    if (!holds()) return false;
    if (++calls > MANY) throw new Error("it asks without end");
    return true;
  };
}

function engineOn(libc: Libc): Engine {
  return new Engine(libc, {
    fault(error) {
      throw error;
    },
  });
}

test(
  "a UDP socket pauses after a failed receive and receives again once the failure is over",
  { skip },
  async () => {
    let fails = false;
    const engine = engineOn(refusingLibc(libc!, "recvmmsg", ENOMEM, bounded(() => fails)));
    const net = linuxNet(engine);
    const [one, other] = [
      await net.bindUdp({ host: "127.0.0.1", port: 0 }),
      await net.bindUdp({ host: "127.0.0.1", port: 0 }),
    ];
    const receiving = one.receive();
    let received = "";
    void receiving.then((batch) => received = new TextDecoder().decode(batch![0]!.bytes));
    fails = true;
    await other.send([{ bytes: new TextEncoder().encode("hello"), addr: one.addr }]);
    engine.turn(1_000);
    engine.turn(1_000);
    fails = false;
    await until("it has the datagram", () => {
      engine.turn(0);
      return received === "hello";
    });
    for (const socket of [one, other]) socket.close();
    engine.dispose();
  },
);

test("accept() fails when the listener cannot accept any connection", { skip }, async () => {
  let fails = false;
  const engine = engineOn(refusingLibc(libc!, "accept4", EOPNOTSUPP, bounded(() => fails)));
  const listener = await linuxNet(engine).listen({ host: "127.0.0.1", port: 0 });
  fails = true;
  await assert.rejects(() => within("an answer", listener.accept(), 5_000), /Cannot accept on .*: errno 95/);
  listener.close();
  engine.dispose();
});

test("a turn of the engine fails when epoll_wait() fails", { skip }, () => {
  let fails = false;
  const engine = engineOn(refusingLibc(libc!, "epoll_wait", EBADF, () => fails));
  fails = true;
  assert.throws(() => engine.turn(0), /Cannot wait on epoll: EBADF/);
  engine.dispose();
});

for (const [what, readsSocket] of [["from a socket", true], ["to a socket", false]] as const) {
  test(
    `the relay copies all bytes when the kernel refuses splice() ${what}`,
    { skip },
    () => within("all of it", relayCopied(readsSocket)),
  );
}

/** Relays while splice(2) is refused for what comes from a socket, or for what goes to one. */
async function relayCopied(readsSocket: boolean): Promise<void> {
  const pipes = new Set<unknown>();
  let fails = false, refused = 0;
  const watching: Libc = {
    ...libc!,
    pipe2(ends, flags) {
      const result = libc!.pipe2(ends, flags);
      for (const end of ends) pipes.add(end);
      return result;
    },
  };
  const net = netOn(refusingLibc(watching, "splice", EINVAL, (from) => {
    const refuses = fails && pipes.has(from) !== readsSocket;
    if (refuses) refused++;
    return refuses;
  }));
  const listener = await net.listen({ host: "127.0.0.1", port: 0 });
  const pair = async () => {
    const accepted = listener.accept();
    return [await net.connect(listener.addr), (await accepted)!] as const;
  };
  const [[client, near], [far, server]] = [await pair(), await pair()];
  fails = true;
  const end = net.relay(near, far, { idleMs: 30_000, counts: { up: 0, down: 0 } });
  const sent = noise(8 << 20), heard = hear(client), echoing = echo(server);
  await client.write(sent);
  await client.closeWrite();
  assert.equal((await within("the echo", heard)).hash, hash(sent));
  await echoing;
  assert.equal(await end, "end");
  assert.ok(refused > 0 && refused <= 2, `${refused} refusals for two directions`);
  for (const one of [client, server, listener]) one.close();
}

test("without SO_REUSEPORT, all listeners accept from the one descriptor of the port", { skip }, async () => {
  const refusing = refusingLibc(libc!, "setsockopt", ENOPROTOOPT, (_fd, _level, name) => name === SO_REUSEPORT);
  const port = claimPort(refusing, {}, { host: "127.0.0.1", port: 0 });
  const net = netOn(refusing);
  const [one, other] = [
    await net.listen(port.addr, { reusePort: true, descriptor: port.descriptor }),
    await net.listen(port.addr, { reusePort: true, descriptor: port.descriptor }),
  ];
  const accepted = Promise.race([one.accept(), other.accept()]);
  const client = await within("a connection", net.connect(port.addr));
  (await within("a client", accepted))?.close();
  for (const closable of [one, other, client]) closable.close();
  port.release();
  assert.equal(await kindOf(net.connect(port.addr)), "refused");
});

for (const call of ["epoll_create1", "eventfd", "epoll_ctl", "epoll_wait"] as const) {
  test(`whyNoEngine() reports the reason when the kernel refuses ${call}()`, { skip }, () => {
    const features = kernelFeatures(refusingLibc(libc!, call, EINVAL));
    assert.match(whyNoEngine(features) ?? "", /refuses epoll or eventfd/);
  });
}

test("whyNoEngine() returns undefined when the kernel refuses no call", { skip }, () => {
  assert.equal(whyNoEngine(kernelFeatures(libc!)), undefined);
});
