import assert from "node:assert/strict";
import { describe } from "node:test";
import { Command } from "../../src/protocol/codes.ts";
import { hex, joined } from "../support/bytes.ts";
import { encodeReply } from "../../src/protocol/request.ts";
import { nameAddress } from "../../src/protocol/address.ts";
import { chainTest, type ChainWorld, HOP1, HOP2 } from "../support/chain.ts";
import { Peer } from "../support/peer.ts";
import { replyHex, request, SERVER4, SERVER6 } from "../support/world.ts";

const rules = [{ action: "allow", via: [`socks5://[${HOP2}]`] }] as const;

/** Two gateways, the second of which may know the commands. */
async function addTwo(world: ChainWorld, resolveCommands = true): Promise<void> {
  await world.add([HOP1], { others: ["2001:db8:2::11"], rules, settings: { resolveCommands: true } });
  await world.add([HOP2], { settings: { resolveCommands } });
}

async function heard(world: ChainWorld, command: Command, host: string): Promise<string> {
  const client = new Peer(await world.client.connect({ host: HOP1, port: 1080 }));
  await client.send("05 01 00");
  client.heard();
  await client.send(request(command, { host, port: 0 }));
  const reply = client.heard();
  await client.close();
  return reply;
}

describe("RESOLVE that goes on through an upstream", () => {
  chainTest("is answered by the last gateway; the first resolves nothing", async (world) => {
    await addTwo(world);
    const [first, second] = world.links;
    second!.resolver.set("server.test", [SERVER6]);
    assert.equal(await heard(world, Command.Resolve, "server.test"), replyHex(0, { host: SERVER6, port: 0 }));
    assert.equal(await heard(world, Command.Resolve, "absent.test"), replyHex(4));
    assert.deepEqual(first!.resolver.asked, []);
    assert.deepEqual(world.records(first!).map(({ end }) => end), ["end", "refused"]);
  });

  chainTest("asks for the name of an address there too", async (world) => {
    await addTwo(world);
    world.links[1]!.resolver.set(SERVER4, ["server.test"]);
    const told = hex(joined(encodeReply(0, nameAddress("server.test", 0))));
    assert.equal(await heard(world, Command.ResolvePtr, SERVER4), told);
    assert.deepEqual(world.links[0]!.resolver.asked, []);
  });

  chainTest("is told 07 where the last gateway does not know it", async (world) => {
    await addTwo(world, false);
    assert.equal(await heard(world, Command.Resolve, "server.test"), replyHex(7));
    assert.equal(await heard(world, Command.ResolvePtr, SERVER4), replyHex(7));
    assert.deepEqual(world.links[0]!.resolver.asked, []);
  });
});
