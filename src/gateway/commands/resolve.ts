import { type Address, addressText } from "../../protocol/address.ts";
import { AddressType, Command, Reply } from "../../protocol/codes.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import type { SessionEnd } from "../../events.ts";
import type { Cut } from "../../net/cut.ts";
import { withDeadline } from "../../net/deadline.ts";
import { NetError } from "../../net/error.ts";
import { preferredType } from "../dial/family_order.ts";
import type { Conversation } from "./conversation.ts";
import { judgedAddresses } from "../dial/plan.ts";
import { Onward } from "../rules/onward.ts";
import { refusal } from "../rules/ruleset.ts";
import { resolveThrough } from "./through.ts";

/**
 * RESOLVE (Tor's socks-extensions, section 2): BND of the reply is an address of the name, of the preferred family,
 * else IPv4 if it has one. 04 means no such name, 01 that the lookup failed.
 */
export async function resolve(conversation: Conversation, destination: Address): Promise<SessionEnd> {
  const { judge } = conversation;
  const name = destination.type === AddressType.DomainName ? destination.host : undefined;
  const address = await asked(conversation, Command.Resolve, destination, async (cut) => {
    const addresses = await judgedAddresses(conversation, destination, cut);
    if (addresses instanceof Onward) return addresses;
    const [first] = addresses as [Address];
    const wanted = preferredType(judge.address(first, name).family) ?? AddressType.IPv4;
    return addresses.find(({ type }) => type === wanted) ?? first;
  });
  if (address.type === AddressType.DomainName) throw noAnswer(destination, "the upstream told a name");
  const verdict = judge.address(address, name);
  if (!verdict.allowed) throw refusal(verdict);
  await conversation.succeed(address);
  return "end";
}

/** RESOLVE_PTR: BND of the reply is the name of an address. */
export async function resolvePtr(conversation: Conversation, destination: Address): Promise<SessionEnd> {
  const { judge, resolver, asker } = conversation;
  const { type, host, port } = destination;
  if (type === AddressType.DomainName) {
    throw new ProtocolError("Cannot serve command resolve-ptr: a name, not an address", Reply.AddressTypeNotSupported);
  }
  const verdict = judge.address(destination);
  if (!verdict.allowed) throw refusal(verdict);
  const name = await asked(conversation, Command.ResolvePtr, destination, async (cut) => {
    if (verdict.via) return new Onward(verdict, destination);
    return { type: AddressType.DomainName, host: await resolver.reverse(host, cut, asker), port };
  });
  if (name.type !== AddressType.DomainName) throw noAnswer(destination, "the upstream told no name");
  const told = judge.name(name.host, port);
  if (told?.allowed === false) throw refusal(told);
  await conversation.succeed(name);
  return "end";
}

/**
 * The result of `ask` within the deadline of a dial, or an upstream's answer if the ruleset sends it there. A failing name
 * server is a general failure, not an unreachable host.
 */
async function asked(
  conversation: Conversation,
  command: Command,
  destination: Address,
  ask: (cut: Cut) => Promise<Address | Onward>,
): Promise<Address> {
  const { clock, settings: { dialMs: deadlineMs }, cut } = conversation;
  let told: Address | Onward;
  try {
    const what = `resolve ${addressText(destination)}`;
    told = await conversation.attended(() => withDeadline(clock, { deadlineMs, cut }, what, ask));
  } catch (error) {
    const failed = error instanceof NetError && (error.kind === "name-lookup-failed" || error.kind === "timed-out");
    throw failed ? new NetError("other", error.message, { cause: error }) : error;
  }
  return told instanceof Onward ? await resolveThrough(conversation, told, command) : told;
}

function noAnswer(destination: Address, state: string): NetError {
  return new NetError("other", `Cannot resolve ${addressText(destination)}: ${state}`);
}
