import { type Address, ipAddress } from "../../protocol/address.ts";
import type { Socket } from "../../net/socket.ts";
import type { Conversation, Relaying } from "./conversation.ts";
import { dial } from "../dial/dial_race.ts";
import { Onward } from "../rules/onward.ts";
import { relayWith } from "./session_relay.ts";
import { connectThrough } from "./through.ts";

/** CONNECT (RFC 1928 s4): the reply comes after the outcome, with the local end of the connection as BND. */
export async function connect(conversation: Conversation, destination: Address): Promise<Relaying> {
  const { clock, record, settings, cut } = conversation;
  const startedAt = clock.now();
  let reached: Socket | Onward;
  try {
    reached = await conversation.attended(() => dial(conversation, destination, settings.dialMs, cut));
  } catch (error) {
    record.dialMs = clock.now() - startedAt;
    throw error;
  }
  if (reached instanceof Onward) return await connectThrough(conversation, reached);
  record.dialMs = clock.now() - startedAt;
  const { host, port } = reached.localAddr;
  return await relayWith(conversation, reached, conversation.client, ipAddress(host, port)!, conversation.wire.rest());
}
