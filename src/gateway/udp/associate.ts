import type { Address } from "../../protocol/address.ts";
import type { SessionEnd } from "../../events.ts";
import { NetError } from "../../net/error.ts";
import type { Socket } from "../../net/socket.ts";
import { announced, clientSide } from "../commands/announce.ts";
import { EncapsulatedUdp } from "../../sockslib/gssapi/encapsulated_datagrams.ts";
import { Association } from "./udp_association.ts";
import { ClientEnd } from "./client_end.ts";
import type { Conversation } from "../commands/conversation.ts";
import { bindInRange } from "../commands/ports.ts";

/**
 * UDP ASSOCIATE (RFC 1928 s4, s6, s7). DST is the address that the client will send from, which it seldom knows: it is neither a target
 * nor a reason to refuse. The association lives exactly as long as its TCP connection.
 */
export async function associate(conversation: Conversation, destination: Address): Promise<SessionEnd> {
  const { net, client, record, settings, cut, encapsulation } = conversation;
  const here = await clientSide(conversation);
  const socket = await bindInRange(settings.ports, (port) => net.bindUdp({ ...here, port }));
  const clear = encapsulation ? new EncapsulatedUdp(socket, encapsulation, record.client.host) : socket;
  const association = new Association(conversation, clear, new ClientEnd(record.client, destination));
  const close = () => association.close();
  const release = cut.on(close);
  try {
    await conversation.succeed(announced(settings, { ...here, port: socket.addr.port }));
    association.run();
    client.keepAlive(); // only this detects that a client which only receives has vanished
    return await controlEnd(client);
  } finally {
    release();
    close();
  }
}

/** Octets on the control connection are ignored; the association ends as the connection does. */
async function controlEnd(client: Socket): Promise<SessionEnd> {
  try {
    while (await client.read() !== null);
    return "end";
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return error.kind === "reset" ? "reset" : "error";
  }
}
