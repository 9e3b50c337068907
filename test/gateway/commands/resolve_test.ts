import assert from "node:assert/strict";
import { describe } from "node:test";
import { AddressType, Command } from "../../../src/protocol/codes.ts";
import { encodeReply } from "../../../src/protocol/request.ts";
import { hex } from "../../support/wire/bytes.ts";
import { settle } from "../../support/memory/test_clock.ts";
import { replyHex, SERVER4, SERVER6, type World, worldTest } from "../../support/memory/world.ts";

const ON = { settings: { resolveCommands: true } } as const;

async function heard(world: World, command: Command, host: string): Promise<string> {
  const client = await world.request(command, { host, port: 0 });
  await settle();
  const reply = client.heard();
  await client.close();
  return reply;
}

describe("RESOLVE (F0)", () => {
  worldTest("is refused with 07 unless the configuration enables it", {}, async (world) => {
    world.resolver.set("server.test", [SERVER4]);
    for (const command of [Command.Resolve, Command.ResolvePtr]) {
      assert.equal(await heard(world, command, "server.test"), replyHex(7));
    }
    assert.deepEqual(world.resolver.asked, []);
    assert.ok(world.records.every(({ end }) => end === "protocol-error"));
  });

  for (
    const [what, addresses, told] of [
      ["an IPv4 address", [SERVER4], SERVER4],
      ["an IPv6 address", [SERVER6], SERVER6],
      ["the IPv4 address of a name with both families", [SERVER6, SERVER4], SERVER4],
      ["the address that the rules allow (DNS rebinding)", ["127.0.0.1", SERVER6], SERVER6],
    ] as const
  ) {
    worldTest(`returns ${what}, and opens no connection`, ON, async (world) => {
      world.resolver.set("server.test", addresses);
      assert.equal(await heard(world, Command.Resolve, "server.test"), replyHex(0, { host: told, port: 0 }));
      assert.deepEqual(world.net.dialled, []);
      const { reply, end, command } = world.record;
      assert.deepEqual({ reply, end, command }, { reply: 0, end: "end", command: Command.Resolve });
    });
  }

  worldTest("returns an address of the family that a rule prefers", {
    ...ON,
    rules: [{ action: "allow", names: ["server.test"], family: "prefer-ipv6" }],
  }, async (world) => {
    world.resolver.set("server.test", [SERVER4, SERVER6]);
    assert.equal(await heard(world, Command.Resolve, "server.test"), replyHex(0, { host: SERVER6, port: 0 }));
  });

  worldTest("returns an IP literal unchanged", ON, async (world) => {
    assert.equal(await heard(world, Command.Resolve, SERVER6), replyHex(0, { host: SERVER6, port: 0 }));
  });

  worldTest(
    "answers 04 for a name that does not exist and 01 for a failed lookup (RFC 3089 s3 has one reply for both)",
    ON,
    async (world) => {
      world.resolver.set("failing.test", "name-lookup-failed");
      assert.equal(await heard(world, Command.Resolve, "absent.test"), replyHex(4));
      assert.equal(await heard(world, Command.Resolve, "failing.test"), replyHex(1));
    },
  );

  worldTest("is refused for a closed address and for a denied name", {
    ...ON,
    rules: [{ action: "deny", names: ["denied.test"] }, { action: "deny", to: ["198.51.100.0/24"] }],
  }, async (world) => {
    world.resolver.set("loop.test", ["127.0.0.1"]);
    world.resolver.set("net.test", ["198.51.100.7"]);
    for (const name of ["loop.test", "net.test", "denied.test"]) {
      assert.equal(await heard(world, Command.Resolve, name), replyHex(2), name);
    }
    assert.ok(!world.resolver.asked.includes("denied.test"));
  });

  worldTest("ends at the dial deadline", ON, async (world) => {
    world.resolver.set("silent.test", "silent");
    const client = await world.request(Command.Resolve, { host: "silent.test", port: 0 });
    await world.clock.advance(15_000);
    assert.equal(client.heard(), replyHex(1));
  });

  worldTest(
    "can be denied by a rule for the command",
    { ...ON, rules: [{ action: "deny", commands: [Command.Resolve] }] },
    async (world) => {
      world.resolver.set("server.test", [SERVER4]);
      assert.equal(await heard(world, Command.Resolve, "server.test"), replyHex(2));
    },
  );
});

describe("RESOLVE_PTR (F1)", () => {
  for (const address of [SERVER4, SERVER6]) {
    worldTest(`returns the name of ${address}`, ON, async (world) => {
      world.resolver.set(address, ["server.test"]);
      const name = { type: AddressType.DomainName, host: "server.test", port: 0 };
      assert.equal(await heard(world, Command.ResolvePtr, address), hex(encodeReply(0, name)));
    });
  }

  worldTest("fails with the same replies as RESOLVE", ON, async (world) => {
    world.resolver.set(SERVER6, "name-lookup-failed");
    assert.equal(await heard(world, Command.ResolvePtr, SERVER4), replyHex(4));
    assert.equal(await heard(world, Command.ResolvePtr, SERVER6), replyHex(1));
    assert.equal(await heard(world, Command.ResolvePtr, "127.0.0.1"), replyHex(2));
    assert.equal(await heard(world, Command.ResolvePtr, "server.test"), replyHex(8));
  });

  worldTest("does not return a denied name", {
    ...ON,
    rules: [{ action: "deny", names: [".denied.test"] }],
  }, async (world) => {
    world.resolver.set(SERVER4, ["db.denied.test"]);
    assert.equal(await heard(world, Command.ResolvePtr, SERVER4), replyHex(2));
  });
});
