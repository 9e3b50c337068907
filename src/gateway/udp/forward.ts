import { type Address, ipAddress } from "../../protocol/address.ts";
import { NO_ADDRESS } from "../../protocol/request.ts";
import type { SessionEnd } from "../../events.ts";
import { connect } from "../commands/connect.ts";
import type { Conversation, Relaying } from "../commands/conversation.ts";
import { ClientEnd } from "./client_end.ts";
import { DatagramFlow } from "./flows/datagram_flow.ts";
import { Association } from "./udp_association.ts";

/** Relays to the listener's destination: a connection by a connection, datagrams by an association of their own. */
export async function forward(conversation: Conversation, destination: Address): Promise<SessionEnd | Relaying> {
  const { client, record, cut } = conversation;
  if (!(client instanceof DatagramFlow)) return await connect(conversation, destination);
  client.lead(destination, conversation.settings.idleMs);
  const association = new Association(conversation, client, new ClientEnd(record.client, NO_ADDRESS));
  const release = cut.on(() => association.close());
  try {
    const { host, port } = client.localAddr;
    await conversation.succeed(ipAddress(host, port)!);
    association.run();
    await client.read();
    return "idle";
  } finally {
    release();
    association.close();
  }
}
