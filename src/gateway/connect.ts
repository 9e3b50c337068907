import { type Address, ipAddress } from "../protocol/address.ts";
import { relayType, type SessionEnd } from "../events.ts";
import type { Socket } from "../net/socket.ts";
import type { Conversation } from "./conversation.ts";
import { dial } from "./dial.ts";

/** CONNECT (RFC 1928 s4): the reply comes after the outcome, with the local end of the connection as BND. */
export async function connect(conversation: Conversation, destination: Address): Promise<SessionEnd> {
  const { clock, record, settings, cut } = conversation;
  const startedAt = clock.now();
  let remote: Socket;
  try {
    remote = await dial(conversation, destination, settings.dialMs, cut);
  } finally {
    record.dialMs = clock.now() - startedAt;
  }
  const { host, port } = remote.localAddr;
  return await relayWith(conversation, remote, conversation.client, ipAddress(host, port)!, conversation.wire.rest());
}

/** Tells the client that `remote` is there and relays until the end; closes `remote`. BIND ends in it too. */
export async function relayWith(
  conversation: Conversation,
  remote: Socket,
  client: Socket,
  bound: Address,
  early?: Uint8Array,
): Promise<SessionEnd> {
  const { net, record, settings, cut } = conversation;
  const close = () => remote.close();
  const release = cut.on(close);
  try {
    record.remote = remote.remoteAddr;
    record.relayType = relayType(record.client, remote.remoteAddr);
    await conversation.succeed(bound);
    return await net.relay(client, remote, { idleMs: settings.idleMs, counts: record.counts, early });
  } finally {
    release();
    close();
  }
}
