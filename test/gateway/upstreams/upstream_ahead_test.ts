import assert from "node:assert/strict";
import { encodeReply } from "../../../src/protocol/request.ts";
import { bytes, joined } from "../../support/wire/bytes.ts";
import { chainTest, type ChainWorld, HOP1, HOP2, type Link } from "../../support/network/chain.ts";
import { Peer, Server } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";

const SIZE = 40_000;

/** A client, paused, behind whose reply the upstream has sent more than the client's connection holds. */
async function flooded(world: ChainWorld): Promise<{ client: Peer; upstream: Peer; first: Link }> {
  const listener = new Server(await world.internet.host(HOP2).listen({ host: HOP2, port: 1080 }));
  const rules = [{ action: "allow", via: [`socks5://[${HOP2}]`] }] as const;
  const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules, settings: { idleMs: 60_000 } });
  first.net.pipeSize = 1_000;
  const client = new Peer(await world.client.connect({ host: HOP1, port: 1080 }), { paused: true });
  await client.send("05 01 00 05 01 00 03 01 'a' 00 50");
  const upstream = listener.peer;
  await upstream.send("05 00");
  await upstream.send(joined(encodeReply(0), new Uint8Array(SIZE)));
  listener.close();
  return { client, upstream, first };
}

chainTest("data after an upstream's reply does not delay the other direction", async (world) => {
  const { client, upstream, first } = await flooded(world);
  upstream.heard();
  await client.send(bytes("'up'"));
  assert.equal(upstream.heardText(), "up");
  await client.resume();
  assert.equal(client.heardBytes().length, 2 + 10 + SIZE);
  await client.close();
  await upstream.close();
  assert.deepEqual(world.records(first)[0]!.counts, { up: 2, down: SIZE });
});

chainTest("a client that never reads the data after an upstream's reply ends by the idle timeout", async (world) => {
  const { client, upstream, first } = await flooded(world);
  await world.clock.advance(120_000);
  await settle();
  assert.equal(world.records(first)[0]?.end, "idle");
  await client.close();
  await upstream.close();
});
