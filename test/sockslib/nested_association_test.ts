import assert from "node:assert/strict";
import { encodeReply } from "../../src/protocol/request.ts";
import { ReplyError } from "../../src/sockslib/reply_error.ts";
import { chainTest, HOP1, HOP2 } from "../support/chain.ts";
import { settle } from "../support/test_clock.ts";

chainTest("an association that one gateway refuses leaves none at the others", async (world) => {
  // The first connects as it is told, and has no UDP: that answer is there before the second gateway's.
  const second = await world.add([HOP2], { others: ["192.0.2.12"] });
  const first = world.internet.host(HOP1, "2001:db8:2::11");
  const listener = await first.listen({ host: HOP1, port: 1080 });
  void (async () => {
    for (let socket = await listener.accept(); socket; socket = await listener.accept()) {
      void (async (socket) => {
        await socket.read();
        await socket.write(Uint8Array.of(5, 0));
        const request = (await socket.read())!.slice();
        if (request[1] === 3) return await socket.write(encodeReply(7));
        const onward = await first.connect({ host: HOP2, port: 1080 });
        await socket.write(encodeReply(0));
        void first.relay(socket, onward, { idleMs: 60_000, counts: { up: 0, down: 0 } });
      })(socket);
    }
  })();
  const error = await world.via(`socks5://${HOP1}`, `socks5://[${HOP2}]`).associate().catch((error) => error);
  assert.ok(error instanceof ReplyError);
  assert.equal(error.reply, 7);
  await settle();
  assert.deepEqual(world.client.open, []);
  assert.equal(second.gateway.sessionCount, 0);
  listener.close();
});
