import { type Address, ipAddress } from "../../protocol/address.ts";
import type { SessionEnd } from "../../events.ts";
import type { Socket } from "../../net/socket.ts";
import type { Conversation } from "./conversation.ts";
import { dial } from "../dial/dial.ts";
import { Onward } from "../rules/onward.ts";
import { relayWith } from "./session_relay.ts";
import { connectThrough } from "./through.ts";

/** CONNECT (RFC 1928 s4): the reply comes after the outcome, with the local end of the connection as BND. */
export async function connect(conversation: Conversation, destination: Address): Promise<SessionEnd> {
  const { clock, record, settings, cut } = conversation;
  const startedAt = clock.now();
  let remote: Socket;
  try {
    remote = await conversation.attended(() => dial(conversation, destination, settings.dialMs, cut));
    record.dialMs = clock.now() - startedAt;
  } catch (error) {
    if (error instanceof Onward) return await connectThrough(conversation, error);
    record.dialMs = clock.now() - startedAt;
    throw error;
  }
  const { host, port } = remote.localAddr;
  return await relayWith(conversation, remote, conversation.client, ipAddress(host, port)!, conversation.wire.rest());
}
