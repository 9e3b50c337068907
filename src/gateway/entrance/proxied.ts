import type { ProxiedConnection } from "../../protocol/proxy_header.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** The PROXY header of a client that connected to `here`; without addresses for a unix socket. */
export function proxied(client: SocketAddr, here: SocketAddr): ProxiedConnection | undefined {
  return client.unix === undefined && here.unix === undefined ? { client, here } : undefined;
}
