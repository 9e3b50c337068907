import type { Address } from "../protocol/address.ts";
import { relayType, type SessionEnd } from "../events.ts";
import type { Socket } from "../net/socket.ts";
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
  const { net, record, settings, cut, bandwidth: throttle } = conversation;
  const close = () => remote.close();
  const release = cut.on(close);
  try {
    record.remote = remote.remoteAddr;
    record.relayType = relayType(record.client, remote.remoteAddr);
    await conversation.succeed(bound);
    if (ahead?.length) {
      await client.write(ahead);
      record.counts.down += ahead.length;
    }
    return await net.relay(client, remote, { idleMs: settings.idleMs, counts: record.counts, early, throttle });
  } finally {
    release();
    close();
  }
}
