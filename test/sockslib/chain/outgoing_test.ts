import assert from "node:assert/strict";
import { Client } from "../../../src/sockslib/client.ts";
import { bytes } from "../../support/wire/bytes.ts";
import { chainTest, HOP1 } from "../../support/network/chain.ts";
import { Server } from "../../support/memory/peer.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { SERVER4 } from "../../support/memory/world.ts";

chainTest("connections and datagrams to the first gateway leave from the chosen address", async (world) => {
  const first = await world.add([HOP1]);
  const server = new Server(await world.server.listen({ host: SERVER4, port: 80 }));
  const udp = await world.server.bindUdp({ host: SERVER4, port: 53 });
  const net = world.internet.host("198.51.100.20", "198.51.100.21");
  const { clock, resolver } = world;
  for (const ipv4 of ["198.51.100.20", "198.51.100.21"]) {
    const client = new Client({ net, clock, resolver, outgoing: { ipv4 }, via: `socks5://${HOP1}` });
    const socket = await client.connect({ host: SERVER4, port: 80 });
    assert.equal(socket.localAddr.host, ipv4);
    socket.close();
    await server.peer.close();
    const association = await client.associate();
    await association.send(bytes("'x'"), { host: SERVER4, port: 53 });
    assert.equal((await udp.receive())?.length, 1, "the gateway takes datagrams from where the connection comes from");
    association.close();
    await settle();
  }
  assert.deepEqual(world.records(first).map(({ client }) => client.host), [
    "198.51.100.20",
    "198.51.100.20",
    "198.51.100.21",
    "198.51.100.21",
  ]);
  net.assertNothingOpen();
  udp.close();
  server.close();
});
