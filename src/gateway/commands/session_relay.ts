import type { Address } from "../../protocol/address.ts";
import { relayType } from "../../events.ts";
import type { Socket } from "../../net/socket.ts";
import { joined } from "../../protocol/octets.ts";
import type { Conversation, Relaying } from "./conversation.ts";

/**
 * Sends the reply for `remote` and relays, which closes both; `remote` is closed if the reply cannot be sent. `early`
 * is what the client has said already, `ahead` what the remote has.
 */
export async function relayWith(
  conversation: Conversation,
  remote: Socket,
  client: Socket,
  bound: Address,
  early?: Uint8Array,
  ahead?: Uint8Array,
): Promise<Relaying> {
  const { net, record, settings, cut, head, preface } = conversation;
  const throttle = conversation.bandwidth();
  const release = cut.on(closing(remote));
  try {
    record.remote = remote.remoteAddr;
    if (conversation.exits) record.outgoing = remote.localAddr.host;
    record.relayType = relayType(record.client, remote.remoteAddr);
    await conversation.succeed(bound);
    const first = head && early ? joined(head, early) : head ?? early;
    const { idleMs } = settings;
    const options = { idleMs, counts: record.counts, early: first, ahead, preface, throttle };
    return { relaying: net.relay(client, remote, options) };
  } catch (error) {
    release();
    remote.close();
    throw error;
  }
}

/** Made here, where it holds nothing else. */
function closing(remote: Socket): () => void {
  return () => remote.close();
}
