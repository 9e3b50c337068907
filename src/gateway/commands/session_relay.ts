import type { Address } from "../../protocol/address.ts";
import { relayType, type SessionEnd } from "../../events.ts";
import type { Socket } from "../../net/socket.ts";
import { joined } from "../../protocol/octets.ts";
import type { Conversation } from "./conversation.ts";

/**
 * Tells the client that `remote` is there and relays until the end; closes `remote`. `early` is what
 * the client has said already, `ahead` what the remote has.
 */
export async function relayWith(
  conversation: Conversation,
  remote: Socket,
  client: Socket,
  bound: Address,
  early?: Uint8Array,
  ahead?: Uint8Array,
): Promise<SessionEnd> {
  const { net, record, settings, cut, head, preface } = conversation;
  const throttle = conversation.bandwidth();
  const close = () => remote.close();
  const release = cut.on(close);
  try {
    record.remote = remote.remoteAddr;
    if (conversation.exits) record.outgoing = remote.localAddr.host;
    record.relayType = relayType(record.client, remote.remoteAddr);
    await conversation.succeed(bound);
    const first = head && early ? joined(head, early) : head ?? early;
    const { idleMs } = settings;
    return await net.relay(client, remote, { idleMs, counts: record.counts, early: first, ahead, preface, throttle });
  } finally {
    release();
    close();
  }
}
