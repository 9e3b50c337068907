import assert from "node:assert/strict";
import type { Upstream } from "../../../src/gateway/upstreams/upstream.ts";
import { encodeReply } from "../../../src/protocol/request.ts";
import { ReplyError } from "../../../src/sockslib/chain/reply_error.ts";
import { bytes } from "../../support/wire/bytes.ts";
import { chainTest, type ChainWorld, HOP1, HOP2, HOP3, type Link } from "../../support/network/chain.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { SERVER4 } from "../../support/memory/world.ts";

const url2 = `socks5://[${HOP2}]:1080`, url3 = `socks5://${HOP3}:1080`;
const two: Upstream = { name: "two", policy: "in-order", chains: [[url2], [url3]], probe: undefined };

/** A gateway that has every request refused with `reply`. */
async function refusing(world: ChainWorld, host: string, reply: number): Promise<void> {
  const listener = await world.internet.host(host).listen({ host, port: 1080 });
  void (async () => {
    for (let socket = await listener.accept(); socket; socket = await listener.accept()) {
      void (async (socket) => {
        await socket.read();
        await socket.write(Uint8Array.of(5, 0));
        await socket.read();
        await socket.write(encodeReply(reply));
        while (await socket.read() !== null);
        socket.close();
      })(socket).catch(() => {});
    }
  })();
}

function states({ events }: Link): readonly string[] {
  return events.flatMap((event) => event.type === "upstream" ? [`${event.chain} ${event.up}`] : []);
}

for (const reply of [2, 7]) {
  chainTest(`an upstream that refuses UDP with ${reply} does not count as down`, async (world) => {
    await refusing(world, HOP2, reply);
    const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
    const association = await world.via(`socks5://${HOP1}`).associate();
    await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
    await settle();
    assert.deepEqual(first.net.dialled.map(({ host }) => host), [HOP2]);
    assert.deepEqual(states(first), []);
    association.close();
    await settle();
    assert.deepEqual(world.records(first)[0]!.dropped, { unresolved: 1 });
  });
}

for (const reply of [1, 7, 8]) {
  chainTest(`the gateway tries the next upstream after the reply ${reply}`, async (world) => {
    await refusing(world, HOP2, reply);
    const rules = [{ action: "allow", via: ["two"] }] as const;
    const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules, upstreams: [two] });
    const third = await world.add([HOP3], { others: ["203.0.113.13"] });
    const association = await world.via(`socks5://${HOP1}`).associate();
    await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
    await settle();
    assert.equal(third.gateway.sessionCount, 1);
    association.close();
    const rendezvous = await world.via(`socks5://${HOP1}`).bind({ host: "0.0.0.0", port: 0 });
    rendezvous.close();
    await settle();
    assert.deepEqual(world.records(first).map(({ via }) => via), [url3, url3]);
  });
}

chainTest("the client receives the first reply if all upstreams refuse the command", async (world) => {
  await refusing(world, HOP2, 7);
  await refusing(world, HOP3, 8);
  const rules = [{ action: "allow", via: ["two"] }] as const;
  await world.add([HOP1], { others: ["2001:db8:2::11"], rules, upstreams: [two] });
  const error = await world.via(`socks5://${HOP1}`).bind({ host: "0.0.0.0", port: 0 }).catch((error) => error);
  assert.equal((error as ReplyError).reply, 7);
});

for (const host of ["localhost", "LocalHost.", "db.localhost"]) {
  chainTest(`an upstream never resolves '${host}' (RFC 6761 s6.3)`, async (world) => {
    await refusing(world, HOP2, 5);
    const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via: [url2] }] });
    first.resolver.set(host, ["127.0.0.1"]);
    const error = await world.via(`socks5://${HOP1}`).connect({ host, port: 80 }).catch((error) => error);
    assert.ok(error instanceof ReplyError, String(error));
    assert.equal(error.reply, 2);
    assert.deepEqual(first.net.dialled, []);
  });
}
