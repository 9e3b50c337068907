import { type Address, ipAddress } from "../../protocol/address.ts";
import { AddressType, Command } from "../../protocol/codes.ts";
import { closedWithDeadline } from "../../net/deadline.ts";
import { NetError } from "../../net/error.ts";
import { request } from "../../sockslib/chain/handshake.ts";
import { destinationAddress } from "../../sockslib/chain/destination.ts";
import type { HopWire } from "../../sockslib/chain/hop_wire.ts";
import { Rendezvous } from "../../sockslib/chain/rendezvous.ts";
import { relayWith } from "./session_relay.ts";
import { proxied } from "../entrance/proxied.ts";
import type { Conversation, Relaying } from "./conversation.ts";
import type { Onward } from "../rules/onward.ts";
import { refusal } from "../rules/ruleset.ts";
import type { Chain } from "../upstreams/chain.ts";
import type { Upstreams } from "../upstreams/upstreams.ts";

/** A request that the last gateway of a chain has answered with 00. */
interface Answered {
  readonly wire: HopWire;
  readonly chain: Chain;
  readonly bound: Address;
}

/** All upstreams; destinations of a rule with upstreams are never dialled directly instead. */
export function upstreamsOf({ upstreams }: Conversation): Upstreams {
  if (!upstreams) throw new NetError("other", "Cannot use an upstream: none is configured");
  return upstreams;
}

/** CONNECT as a chained relay (RFC 3089 s4): the last gateway resolves and dials, and its answer is forwarded. */
export async function connectThrough(conversation: Conversation, onward: Onward): Promise<Relaying> {
  const { wire, bound } = await askThrough(conversation, onward, Command.Connect);
  const early = conversation.wire.rest();
  return await relayWith(conversation, wire.socket, conversation.client, bound, early, wire.rest());
}

/** BIND as a chained relay: the last gateway listens, and both its replies are forwarded. */
export async function bindThrough(conversation: Conversation, onward: Onward): Promise<Relaying> {
  const { clock, settings, cut, client, judge } = conversation;
  const { wire, chain, bound } = await askThrough(conversation, onward, Command.Bind);
  const rendezvous = new Rendezvous(wire, chain.hops, bound, clock);
  try {
    await conversation.succeed(destinationAddress(rendezvous.addr));
    client.keepAlive();
    const addr = await conversation.attended(() => rendezvous.accept({ deadlineMs: settings.bindMs, cut }), true);
    const peer = destinationAddress(addr);
    const { destination } = onward;
    const verdict = ipAddress(addr.host, addr.port) &&
      judge.address(peer, destination.type === AddressType.DomainName ? destination.host : undefined);
    if (verdict?.allowed === false) throw refusal(verdict);
    return await relayWith(conversation, wire.socket, client, peer, conversation.wire.rest(), wire.rest());
  } catch (error) {
    rendezvous.close();
    throw error;
  }
}

/** RESOLVE or RESOLVE_PTR as a chained relay: the last gateway asks, and its answer is forwarded. */
export async function resolveThrough(conversation: Conversation, onward: Onward, command: Command): Promise<Address> {
  const { wire, bound } = await askThrough(conversation, onward, command);
  wire.socket.close();
  return bound;
}

/** Has one chain of the route answer the request. Rejects with ReplyError or NetError. */
async function askThrough(conversation: Conversation, onward: Onward, command: Command): Promise<Answered> {
  const { clock, record, settings, cut, asker, exits } = conversation;
  const upstreams = upstreamsOf(conversation);
  const client = () => proxied(record.client, conversation.client.localAddr);
  const startedAt = clock.now();
  try {
    return await conversation.attended(() =>
      upstreams.route(onward.via).through({ deadlineMs: settings.dialMs, cut, asker, client }, {
        reach: (chain, limits) => upstreams.reach(chain, limits, { exits, wayOut: onward.wayOut }),
        ask: async (wire, chain, limits) => {
          record.via = chain.text;
          const close = () => wire.socket.close();
          const answer = () => request(wire, chain.hops, command, onward.destination);
          const what = `go through ${chain.text}`;
          return { wire, chain, bound: await closedWithDeadline(clock, limits, what, close, answer) };
        },
      })
    );
  } finally {
    if (command === Command.Connect) record.dialMs = clock.now() - startedAt;
  }
}
