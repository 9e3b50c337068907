import { type Address, addressText } from "../protocol/address.ts";
import { AddressType, Command, Reply } from "../protocol/codes.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { SessionEnd } from "../events.ts";
import { NetError } from "../net/error.ts";
import type { Conversation } from "./conversation.ts";
import { judgedAddresses, withDeadline } from "./dial.ts";
import { Onward } from "./onward.ts";
import { refusal } from "./ruleset.ts";
import { resolveThrough } from "./through.ts";

/**
 * RESOLVE (Tor's socks-extensions, section 2): BND of the reply is an address of the name, IPv4 where it has one. 04 says
 * that there is no such name, 01 that nobody could tell.
 */
export async function resolve(conversation: Conversation, destination: Address): Promise<SessionEnd> {
  let addresses: readonly Address[];
  try {
    addresses = await asked(conversation, destination, (cut) => judgedAddresses(conversation, destination, cut));
  } catch (error) {
    if (error instanceof Onward) return await resolveThrough(conversation, error, Command.Resolve);
    throw error;
  }
  await conversation.succeed(addresses.find(({ type }) => type === AddressType.IPv4) ?? addresses[0]!);
  return "end";
}

/** RESOLVE_PTR: BND of the reply is the name of an address. */
export async function resolvePtr(conversation: Conversation, destination: Address): Promise<SessionEnd> {
  const { judge, resolver } = conversation;
  const { type, host, port } = destination;
  if (type === AddressType.DomainName) {
    throw new ProtocolError("Cannot serve command resolve-ptr: a name, not an address", Reply.AddressTypeNotSupported);
  }
  const verdict = judge.address(destination);
  if (!verdict.allowed) throw refusal(verdict);
  if (verdict.via) return await resolveThrough(conversation, new Onward(verdict, destination), Command.ResolvePtr);
  const name = await asked(conversation, destination, (cut) => resolver.reverse(host, cut));
  await conversation.succeed({ type: AddressType.DomainName, host: name, port });
  return "end";
}

/** Under the deadline of a dial; a name server that fails is no host that cannot be reached, but a general failure. */
async function asked<T>(
  { clock, settings, cut }: Conversation,
  destination: Address,
  ask: Parameters<typeof withDeadline<T>>[4],
): Promise<T> {
  try {
    return await withDeadline(clock, settings.dialMs, cut, `resolve ${addressText(destination)}`, ask);
  } catch (error) {
    const failed = error instanceof NetError && (error.kind === "name-lookup-failed" || error.kind === "timed-out");
    throw failed ? new NetError("other", error.message, { cause: error }) : error;
  }
}
