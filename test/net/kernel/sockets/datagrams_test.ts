import assert from "node:assert/strict";
import { test } from "node:test";
import { lowestDescriptor } from "../../../../src/net/kernel/sockets/datagrams.ts";
import { Engine } from "../../../../src/net/linux/engine/engine.ts";
import { linuxNet } from "../../../../src/net/linux/linux_net.ts";
import { openLibc } from "../../../support/linux/linux_net.ts";
import { skipped } from "../../../support/program/skipped.ts";
import { until } from "../../../support/program/until.ts";

const libc = await openLibc();
const skip = skipped("datagrams_test.ts", libc ? false : "the Linux engine cannot run here");

test("lowestDescriptor() returns the next descriptor number without opening a socket", { skip }, async () => {
  const cheap = { ...libc!, socket: () => assert.fail("a socket is dear") };
  await until("no other thread is quicker", () => {
    const lowest = lowestDescriptor(cheap);
    const next = libc!.eventfd(0, 0);
    libc!.close(next);
    return next === lowest;
  });
});

for (
  const [title, sizes] of [["small", [1]], ["several", [3, 2_000, 1]], ["large", [9_000]]] as const
) {
  test(`64 sockets that receive ${title} datagrams in one turn share at most 9 arenas`, { skip }, async () => {
    const LARGE = 1 << 20;
    let made = 0;
    const addressOf = (memory: ArrayBuffer) => (memory.byteLength > LARGE && made++, libc!.addressOf(memory));
    const engine = new Engine({ ...libc!, addressOf }, {
      fault(error) {
        throw error;
      },
    });
    const net = linuxNet(engine);
    const sockets = await Promise.all(Array.from({ length: 65 }, () => net.bindUdp({ host: "127.0.0.1", port: 0 })));
    const [sender, ...receivers] = sockets;
    const received = receivers.map((socket) => socket.receive());
    const sent = receivers.map(({ addr }, i) =>
      sizes.map((size) => ({ bytes: new Uint8Array(size).fill(i + size), addr }))
    );
    await sender!.send(sent.flat());
    engine.turn(1_000);
    const got = await Promise.all(received);
    const seen = (all: readonly { readonly bytes: Uint8Array }[]) =>
      all.map(({ bytes }) => [bytes.length, ...new Set(bytes)]);
    assert.deepEqual(got.map((batch) => seen(batch!)), sent.map(seen));
    assert.ok(made <= 9, `${made} arenas`);
    for (const socket of sockets) socket.close();
    engine.dispose();
  });
}
