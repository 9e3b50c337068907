import type { Address } from "../../protocol/address.ts";
import { relayType, type SessionEnd } from "../../events.ts";
import type { Socket } from "../../net/socket.ts";
import { HeadedSocket } from "../../sockslib/chain/headed_socket.ts";
import type { Conversation } from "./conversation.ts";

/** Octets that fit behind the reply into what the system keeps of a connection: writing them waits for nobody. */
const MAX_AT_ONCE = 4 << 10;

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
  const { net, record, settings, cut, bandwidth: throttle } = conversation;
  const close = () => remote.close();
  const release = cut.on(close);
  try {
    record.remote = remote.remoteAddr;
    if (conversation.exits) record.outgoing = remote.localAddr.host;
    record.relayType = relayType(record.client, remote.remoteAddr);
    await conversation.succeed(bound);
    let source = remote;
    if (ahead && ahead.length > MAX_AT_ONCE) source = new HeadedSocket(remote, ahead);
    else if (ahead?.length) {
      await client.write(ahead);
      record.counts.down += ahead.length;
    }
    return await net.relay(client, source, { idleMs: settings.idleMs, counts: record.counts, early, throttle });
  } finally {
    release();
    close();
  }
}
