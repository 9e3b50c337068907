import assert from "node:assert/strict";
import type { SessionRecord } from "../../src/events.ts";
import { FakeAddresses } from "../../src/sockslib/fake/fake_addresses.ts";
import { bytes } from "../support/wire/bytes.ts";
import { chainTest, HOP1 } from "../support/network/chain.ts";
import { Server } from "../support/memory/peer.ts";
import { settle } from "../support/memory/test_clock.ts";
import { SERVER6 } from "../support/memory/world.ts";

/**
 * RFC 3089 s3 as a play: Client C knows IPv4 only, Destination D has IPv6 only, Gateway G has both. Between C's application
 * and its sockets stands the Socks Lib: a mapping table and a client of SOCKS.
 */
chainTest("an IPv4 application reaches an IPv6 destination in the eight steps of RFC 3089 s3", async (world) => {
  const gateway = await world.add([HOP1], { others: ["2001:db8:2::11"] });
  gateway.resolver.set("destination.example", [SERVER6]);
  const destination = new Server(await world.server.listen({ host: SERVER6, port: 80 }));
  const table = new FakeAddresses({ clock: world.clock });
  const socksLib = world.via(`socks5://${HOP1}:1080`);

  // 1. The application asks for D's addresses by its name, as by gethostbyname(). The Socks Lib has replaced that call.
  const resolve = (name: string) => {
    // 2. The real call is not made: the name is noted in the mapping table with a fake IP of the application's own family,
    //    and that is the answer.
    return table.fake(name)!.ipv4;
  };
  const fakeIp = resolve("Destination.Example");
  assert.equal(fakeIp, "198.18.0.1");

  // 3. The application makes a socket of the fake IP and calls connect().
  const connect = async (ip: string, port: number) => {
    // 4. The Socks Lib has replaced that too. It sees that the address is a fake one, and finds the name in the table.
    const host = table.nameOf(ip) ?? ip;
    assert.equal(host, "destination.example");
    // 5. It tells G the name by the SOCKS command that fits the call: CONNECT.
    return await socksLib.connect({ host, port });
  };
  const socket = await connect(fakeIp, 80);
  await settle();
  assert.deepEqual(world.resolver.asked, [], "C has asked no DNS server");

  // 6. G makes the real call for the name.
  assert.deepEqual(gateway.resolver.asked, ["destination.example"]);

  // 7. It has the real IP, of D's family, and makes a socket of it.
  assert.deepEqual(gateway.net.dialled, [{ host: SERVER6, port: 80 }]);

  // 8. G connects to D by it: a heterogeneous relay of type B, IPv4 to IPv6.
  assert.equal(destination.peer.socket.localAddr.host, SERVER6);
  const { session } = gateway.events.find((event) => event.type === "session-opened") as { session: SessionRecord };
  assert.deepEqual([session.relayType, session.reply], ["B", 0]);

  // From then on data flows: the application speaks IPv4 to G, and G speaks IPv6 to D.
  assert.equal(socket.remoteAddr.host, HOP1);
  await socket.write(bytes("'question'"));
  await settle();
  assert.equal(destination.peer.heardText(), "question");
  await destination.peer.send("'answer'");
  assert.equal(new TextDecoder().decode((await socket.read())!), "answer");

  // A name that is an address is not mapped: it goes to G as that address.
  assert.equal(table.fake(SERVER6), undefined);

  socket.close();
  await destination.peer.close();
  destination.close();
});
