import { type Address, ipAddress } from "../protocol/address.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { GatewaySettings } from "./settings.ts";

/** What a client is told of `addr`, a socket that is there for it: the address set for its family, else its own. */
export function announced({ announce }: GatewaySettings, { host, port }: SocketAddr): Address {
  return ipAddress((host.includes(":") ? announce.ipv6 : announce.ipv4) ?? host, port)!;
}
