import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foretell } from "../../../src/cli/commands/foretell.ts";
import { Ruleset } from "../../../src/gateway/rules/ruleset.ts";
import { defaultSettings } from "../../../src/gateway/settings.ts";
import { NetError } from "../../../src/net/error.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { packedRulesOf, type PlainRule } from "../../support/memory/rules.ts";
import { relayable, UdpPeer } from "../../support/memory/udp_peer.ts";
import { CLIENT4, GATEWAY4, SERVER4, SERVER6, World } from "../../support/memory/world.ts";

const names: Readonly<Record<string, readonly string[]>> = {
  "both.test": [SERVER6, SERVER4],
  "four.test": [SERVER4],
  "loop.test": ["127.0.0.1", SERVER6],
  "zero.test": ["0.0.0.0"],
};
const hosts = [
  ...Object.keys(names),
  "none.test",
  "localhost",
  ...["0.0.0.0", "::", "127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254", "fe80::1"],
  ...[SERVER4, SERVER6, GATEWAY4, "224.0.0.1"],
];

const some = <T>(...values: readonly T[]) =>
  fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 }), { nil: undefined });
const rule: fc.Arbitrary<PlainRule> = fc.record({
  action: fc.constantFrom("allow", "deny"),
  listeners: some(`${GATEWAY4}:1080`, "127.0.0.1:1081"),
  from: some(`${CLIENT4}/32`, "2001:db8::/32"),
  to: some("0.0.0.0/0", "::/0", "127.0.0.0/8", "0.0.0.0", "::", `${SERVER4}/32`, GATEWAY4),
  names: some("*", "*.test", "both.test", "loop.test"),
  listed: fc.boolean(),
  ports: some([80, 80] as const, [0, 1_079] as const),
  commands: some(Command.Connect, Command.Bind, Command.UdpAssociate, Command.Resolve),
  family: fc.option(fc.constantFrom("prefer-ipv4", "only-ipv4", "only-ipv6"), { nil: undefined }),
}).map((one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== undefined)) as never);

const request = fc.record({
  // The one nobody asks for, and the other is UdpAssociate to rules.
  command: fc.constantFrom(
    ...Object.values(Command).filter((one) => one !== Command.Forward && one !== Command.UdpInTcp),
  ),
  host: fc.constantFrom(...hosts),
  port: fc.constantFrom(0, 80, 1080),
});

interface Case {
  readonly rules: readonly PlainRule[];
  readonly allow: readonly string[];
  readonly otherwise: "allow" | "deny";
  readonly resolveCommands: boolean;
}

/** Whether the gateway itself refuses it; of UDP ASSOCIATE, a datagram to there. */
async function isRefused(
  { rules, allow, otherwise, resolveCommands }: Case,
  command: Command,
  to: SocketAddr,
): Promise<boolean> {
  const world = new World({ rules, allow, otherwise, settings: { resolveCommands }, gateway: [GATEWAY4] });
  for (const [name, found] of Object.entries(names)) world.resolver.set(name, ...[found]);
  await world.gateway.listen({ host: GATEWAY4, port: 1080 });
  const isAssociation = command === Command.UdpAssociate;
  const client = await world.request(command, isAssociation ? { host: "0.0.0.0", port: 0 } : to);
  const { reply, bound } = decodeReply(client.heardBytes())?.value ?? {}; // one that dials waits
  const asks = command === Command.Resolve || command === Command.ResolvePtr;
  const refusals: readonly unknown[] = [
    Reply.NotAllowed,
    ...asks ? [Reply.CommandNotSupported, Reply.AddressTypeNotSupported] : [],
  ];
  let refused = refusals.includes(reply);
  if (isAssociation && reply === Reply.Succeeded && (to.port !== 0 || !["0.0.0.0", "::"].includes(to.host))) {
    const udp = new UdpPeer(await world.clients[4].bindUdp({ host: CLIENT4, port: 0 }));
    await udp.send(bound!, relayable(to, "datagram"));
    await world.clock.advance(0);
    const opened = world.events.flatMap((event) => event.type === "session-opened" ? [event.session] : []);
    refused = (opened[0]!.dropped.refused ?? 0) > 0;
  }
  await world.end();
  return refused;
}

test("explain predicts the gateway's decision for all commands, destinations and rules", async () => {
  const allow = fc.constantFrom([], ["127.0.0.0/8"], ["0.0.0.0", "::"], ["0.0.0.0/0"]);
  const otherwise = fc.constantFrom("allow", "deny");
  const cases = fc.record({ rules: fc.array(rule, { maxLength: 3 }), allow, otherwise, resolveCommands: fc.boolean() });
  const property = fc.asyncProperty(cases, request, async (one, { command, host, port }) => {
    const ruleset = new Ruleset({
      rules: packedRulesOf(one.rules),
      otherwise: one.otherwise,
      allow: one.allow.map((text) => parsePrefix(text)!),
      ownListeners: () => [{ host: GATEWAY4, port: 1080 }],
      localAddrs: () => [GATEWAY4],
    });
    const world = new World();
    for (const [name, found] of Object.entries(names)) world.resolver.set(name, ...[found]);
    const judge = ruleset.judgeFor({ client: { host: CLIENT4, port: 1 }, command, listener: `${GATEWAY4}:1080` });
    const settings = { ...defaultSettings, resolveCommands: one.resolveCommands };
    const destination = ipAddress(host, port) ?? nameAddress(host, port);
    const passes = await foretell({ judge, resolver: world.resolver, settings, say() {} }, command, destination)
      .catch((error) => {
        assert.ok(error instanceof NetError, String(error)); // there is no such name, which is no refusal
        return true;
      });
    assert.equal(await isRefused(one, command, { host, port }), !passes);
  });
  await fc.assert(property, { numRuns: 200 });
});

test("the unspecified address is allowed for BIND and UDP ASSOCIATE, and refused for CONNECT", async () => {
  const judged = (command: Command, host: string, port: number) => {
    const ruleset = new Ruleset({ allow: [], ownListeners: () => [], localAddrs: () => [] });
    const judge = ruleset.judgeFor({ client: { host: CLIENT4, port: 1 }, command });
    const parts = { judge, resolver: new World().resolver, settings: defaultSettings, say() {} };
    return foretell(parts, command, ipAddress(host, port)!);
  };
  for (const host of ["0.0.0.0", "::"]) {
    assert.equal(await judged(Command.Connect, host, 80), false);
    assert.equal(await judged(Command.UdpAssociate, host, 53), false);
    assert.equal(await judged(Command.UdpAssociate, host, 0), true);
    assert.equal(await judged(Command.Bind, host, 80), true);
  }
});
