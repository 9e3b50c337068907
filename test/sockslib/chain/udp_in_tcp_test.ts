import assert from "node:assert/strict";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { ReplyError } from "../../../src/sockslib/chain/reply_error.ts";
import type { Client } from "../../../src/sockslib/client.ts";
import type { ChainWorld } from "../../support/network/chain.ts";
import { chainTest, crosses, HOP1, HOP2, HOP3 } from "../../support/network/chain.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { SERVER4, SERVER6 } from "../../support/memory/world.ts";

const served = { settings: { udpInTcp: true } };

/** Sends a datagram to a server of each family by `client`, and has it answered. */
async function bothCross(
  world: ChainWorld,
  client: Client,
  hosts: readonly string[] = [SERVER4, SERVER6],
): Promise<void> {
  const association = await client.associate();
  for (const host of hosts) await crosses(world, association, host);
  association.close();
  await settle();
}

chainTest("?udp=tcp carries UDP inside the TCP connection through CONNECT-only gateways", async (world) => {
  await world.add([HOP1], {
    others: ["2001:db8:2::11"],
    rules: [{ action: "deny", commands: [Command.UdpAssociate] }],
  });
  await world.add([HOP2], { others: ["192.0.2.12"] });
  const last = await world.add([HOP3], { others: ["2001:db8:5::13", "203.0.113.13"], ...served });
  await bothCross(world, world.via(`socks5://${HOP1}`, `socks5://[${HOP2}]`, `socks5://${HOP3}?udp=tcp`));
  assert.deepEqual(world.records(last).map(({ command, datagrams }) => ({ command, datagrams })), [
    { command: Command.UdpInTcp, datagrams: { up: 6, down: 6 } },
  ]);
  for (const { net } of world.links.slice(0, 2)) assert.equal(net.udpSocketCount, 0);
});

chainTest("a gateway with a ?udp=tcp upstream forwards its clients' UDP, and their UDP in TCP", async (world) => {
  const via = [`socks5://[${HOP2}]?udp=tcp`];
  const first = await world.add([HOP1], { others: ["2001:db8:2::11"], rules: [{ action: "allow", via }], ...served });
  await world.add([HOP2], { others: ["203.0.113.12"], ...served });
  await bothCross(world, world.via(`socks5://${HOP1}`));
  await bothCross(world, world.via(`socks5://${HOP1}?udp=tcp`));
  assert.deepEqual(world.records(first).map(({ via }) => via), [
    via[0]!.replace("?", ":1080?"),
    via[0]!.replace("?", ":1080?"),
  ]);
});

chainTest(
  "UDP in TCP works through an HTTP proxy, which only supports CONNECT",
  async (world) => {
    const first = await world.add([HOP1], { others: ["2001:db8:2::11"] });
    const last = await world.add([HOP2], { others: ["192.0.2.12", "203.0.113.12"], ...served });
    await bothCross(world, world.via(`http://${HOP1}:1080`, `socks5://[${HOP2}]?udp=tcp`));
    assert.deepEqual(world.records(first).map(({ protocol, command }) => ({ protocol, command })), [
      { protocol: "http", command: Command.Connect },
    ]);
    assert.deepEqual(world.records(last).map(({ command, datagrams }) => ({ command, datagrams })), [
      { command: Command.UdpInTcp, datagrams: { up: 6, down: 6 } },
    ]);
  },
);

chainTest("a gateway without UDP in TCP replies 07", async (world) => {
  await world.add([HOP1]);
  await assert.rejects(world.via(`socks5://${HOP1}?udp=tcp`).associate(), (error) => {
    return error instanceof ReplyError && error.reply === Reply.CommandNotSupported;
  });
});
