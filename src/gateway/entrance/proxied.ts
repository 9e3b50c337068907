import type { ProxiedConnection } from "../../protocol/proxy_header.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** What a PROXY header says of a client that came to `here`; nothing of a unix socket, whose addresses tell nothing. */
export function proxied(client: SocketAddr, here: SocketAddr): ProxiedConnection | undefined {
  return client.unix === undefined && here.unix === undefined ? { client, here } : undefined;
}
