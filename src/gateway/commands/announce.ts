import { type Address, ipAddress } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Conversation } from "./conversation.ts";
import type { GatewaySettings } from "../settings.ts";

/** What a client is told of `addr`, a socket that is there for it: the address set for its family, else its own. */
export function announced({ announce }: GatewaySettings, { host, port }: SocketAddr): Address {
  return ipAddress((host.includes(":") ? announce.ipv6 : announce.ipv4) ?? host, port)!;
}

/**
 * The address the client knows us by, and replies must come from; ours towards it, where it is behind a proxy of another family,
 * or one that came by a unix socket.
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
