import type { Address } from "../../protocol/address.ts";
import { relayType, type SessionEnd } from "../../events.ts";
import type { Socket } from "../../net/socket.ts";
import { HeadedSocket } from "../../sockslib/chain/headed_socket.ts";
import { joined } from "../../net/messages.ts";
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
  const { net, record, settings, cut, bandwidth: throttle, head, heard } = conversation;
  const close = () => remote.close();
  const release = cut.on(close);
  try {
    record.remote = remote.remoteAddr;
    record.relayType = relayType(record.client, remote.remoteAddr);
    await conversation.succeed(bound);
    const options = { idleMs: settings.idleMs, counts: record.counts, throttle };
    const first = head && early ? joined(head, early) : head ?? early;
    if (!heard) return await net.relay(client, remote, { ...options, early: first, ahead });
    // What stands between reads the destination itself, and so what has come of it already.
    const source = heard(ahead ? new HeadedSocket(remote, ahead) : remote);
    return await net.relay(client, source, { ...options, early: first });
  } finally {
    release();
    close();
  }
}
