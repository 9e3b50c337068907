import { type Address, ipAddress } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Conversation } from "./conversation.ts";
import type { GatewaySettings } from "../settings.ts";

/** The address that a client is told for `addr`, a socket opened for it: the configured address of its family, else its own. */
export function announced({ announce }: GatewaySettings, { host, port }: SocketAddr): Address {
  return ipAddress((host.includes(":") ? announce.ipv6 : announce.ipv4) ?? host, port)!;
}

/**
 * The address at which the client reaches us, from which replies must come. For a client behind a proxy of another family, or
 * on a unix socket, it is our own address towards the client.
 */
export async function clientSide(
  { net, client, record }: Pick<Conversation, "net" | "client" | "record">,
): Promise<Pick<SocketAddr, "host" | "zone">> {
  const { host, zone, unix } = client.localAddr;
  const knowsIt = unix === undefined
    ? host.includes(":") === record.client.host.includes(":")
    : record.client.unix === unix;
  if (knowsIt) return zone === undefined ? { host } : { host, zone };
  return { host: await net.localAddrFor(record.client.host) ?? host };
}
