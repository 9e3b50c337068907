import assert from "node:assert/strict";
import type { SessionRecord } from "../../src/events.ts";
import { FakeAddresses } from "../../src/sockslib/fake_addresses.ts";
import { bytes } from "../support/bytes.ts";
import { chainTest, HOP1 } from "../support/chain.ts";
import { Server } from "../support/peer.ts";
import { settle } from "../support/test_clock.ts";
import { SERVER6 } from "../support/world.ts";

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

  // 1. C's application calls its resolver (gethostbyname) for D's name; the Socks Lib has replaced that call.
  const resolve = (name: string) => table.fake(name)!.ipv4;

  // 2. The Socks Lib takes a fake IP for the name, notes the pair in the mapping table, and answers with the fake IP.
  const fakeIp = resolve("Destination.Example");
  assert.equal(fakeIp, "198.18.0.1");

  // 3. The application calls connect() with what it takes for D's address.
  const connect = async (ip: string, port: number) => {
    // 4. The Socks Lib looks the fake IP up in the mapping table and has the name again; a real address stays as it is.
    const host = table.nameOf(ip) ?? ip;
    // 5. It asks G by SOCKS to connect to the name (ATYP DOMAINNAME): the resolving is delegated, no DNS query has left C.
    return await socksLib.connect({ host, port });
  };
  const connecting = connect(fakeIp, 80);
  assert.deepEqual(world.resolver.asked, []);
  const socket = await connecting;
  await settle();

  // 6. G resolves the name.
  assert.deepEqual(gateway.resolver.asked, ["destination.example"]);

  // 7. G connects to D by IPv6, a heterogeneous relay of type B (IPv4 to IPv6).
  assert.equal(destination.peer.socket.localAddr.host, SERVER6);
  const { session } = gateway.events.find((event) => event.type === "session-opened") as { session: SessionRecord };
  assert.equal(session.relayType, "B");

  // 8. G tells C of its success and relays from then on: the application speaks IPv4 to G, and G speaks IPv6 to D.
  assert.equal(session.reply, 0);
  assert.equal(socket.remoteAddr.host, HOP1);
  await socket.write(bytes("'question'"));
  await settle();
  assert.equal(destination.peer.heardText(), "question");
  await destination.peer.send("'answer'");
  assert.equal(new TextDecoder().decode((await socket.read())!), "answer");

  // "If the FQDN is an IP address": it is not mapped, and goes to G as an address.
  assert.equal(table.fake(SERVER6), undefined);

  socket.close();
  await destination.peer.close();
  destination.close();
});
