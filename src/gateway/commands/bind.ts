import { type Address, ipAddress, isUnspecified } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import { NetError } from "../../net/error.ts";
import type { Exit, Listener, Socket, SocketAddr } from "../../net/socket.ts";
import { announced, clientSide } from "./announce.ts";
import type { Conversation, Relaying } from "./conversation.ts";
import { type DialAddress, judgedAddresses } from "../dial/plan.ts";
import { Onward } from "../rules/onward.ts";
import type { Verdict } from "../rules/rule.ts";
import type { Judge } from "../rules/ruleset.ts";
import { bindWanted } from "./ports.ts";
import { relayWith } from "./session_relay.ts";
import { bindThrough } from "./through.ts";

/**
 * BIND (RFC 1928 s4; the reverse-channel rendezvous of RFC 3089): listens on the peer's side, tells the client
 * the address, accepts one peer, tells the client the peer's address, and relays. DST.PORT is used as the port to listen on, if it
 * is free: clients of dante request it this way, and fail with another port.
 */
export async function bind(conversation: Conversation, destination: Address): Promise<Relaying> {
  const peers = await conversation.attended(() => expectedPeers(conversation, destination));
  if (peers instanceof Onward) return await bindThrough(conversation, peers);
  const { net, settings, client, wire, clock, cut } = conversation;
  const { exit, ...here } = await listeningHost(conversation, destination, peers);
  const listen = (port: number) => net.listen({ ...here, port }, { exit });
  const listener = await bindWanted(destination.port, settings.ports, listen);
  const close = () => listener.close();
  const release = cut.on(close);
  let late = false;
  const cancel = clock.after(settings.bindMs, () => {
    late = true;
    close();
  });
  try {
    await conversation.succeed(announced(settings, reachable(conversation, listener.addr)));
    client.keepAlive();
    const peer = await conversation.attended(() => acceptPeer(conversation, listener, destination, peers), true);
    cancel();
    close();
    if (peer) {
      const bound = ipAddress(peer.remoteAddr.host, peer.remoteAddr.port)!;
      return await relayWith(conversation, peer, client, bound, wire.rest());
    }
    if (late) throw new NetError("timed-out", `Cannot accept the peer: none came within ${settings.bindMs} ms`);
    throw new NetError("aborted", "Cannot accept the peer: given up");
  } finally {
    cancel();
    release();
    close();
  }
}

/** Undefined if any peer may connect. Rejects as judgedAddresses() does. */
async function expectedPeers(
  conversation: Conversation,
  destination: Address,
): Promise<readonly DialAddress[] | Onward | undefined> {
  if (!isUnspecified(destination.host)) return await judgedAddresses(conversation, destination, conversation.cut);
  const verdict = conversation.judge.anywhere();
  if (!verdict?.via) return undefined;
  conversation.judge.admit(verdict);
  return new Onward(verdict, destination);
}

/**
 * The gateway's address on the peer's side: the source address of connections to the first peer, which is the address that a
 * peer expects; for any peer, the address that the client sees.
 */
async function listeningHost(
  conversation: Conversation,
  destination: Address,
  peers: readonly DialAddress[] | undefined,
): Promise<Pick<SocketAddr, "host" | "zone"> & { readonly exit?: Exit | undefined }> {
  const { net, exits } = conversation;
  for (const peer of peers ?? []) {
    const exit = exits?.towards(peer.host, peer.wayOut);
    const host = exit?.localAddr ?? await net.localAddrFor(peer.host);
    if (host !== undefined) return { host, exit };
  }
  if (peers) throw new NetError("network-unreachable", `Cannot listen for ${destination.host}: no way there`);
  const here = await clientSide(conversation);
  return here.host.includes(":") === destination.host.includes(":") ? here : { host: destination.host };
}

/** An address of this machine at which a listener on the unspecified address can be reached. */
function reachable({ net }: Conversation, { host, port }: SocketAddr): SocketAddr {
  if (!isUnspecified(host)) return { host, port };
  const six = host.includes(":");
  const own = net.localAddrs().find((addr) => addr.includes(":") === six && addr !== "127.0.0.1" && addr !== "::1");
  return { host: own ?? host, port };
}

/**
 * The first connection from an expected peer that the rules allow with its real port; others are reset. Null once the
 * listener is closed.
 */
async function acceptPeer(
  { judge }: Conversation,
  listener: Listener,
  destination: Address,
  peers: readonly Address[] | undefined,
): Promise<Socket | null> {
  const name = destination.type === AddressType.DomainName ? destination.host : undefined;
  for (let peer = await listener.accept(); peer; peer = await listener.accept()) {
    const { host, port } = peer.remoteAddr;
    const expected = !peers || peers.some((address) => address.host === host);
    const verdict = judge.address(ipAddress(host, port)!, name);
    if (expected && verdict.allowed) return admitted(judge, verdict, peer);
    peer.reset();
  }
  return null;
}

/** Throws Refusal and closes the peer's connection if its rule's limits are reached. */
function admitted(judge: Judge, verdict: Verdict, peer: Socket): Socket {
  try {
    judge.admit(verdict);
    return peer;
  } catch (error) {
    peer.reset();
    throw error;
  }
}
