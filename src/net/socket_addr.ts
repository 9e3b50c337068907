import { ipAddress } from "../protocol/address.ts";
import type { SocketAddr } from "./socket.ts";

/** The address as a runtime tells it, made canonical: zone dropped, IPv4-mapped IPv6 unwrapped. */
export function socketAddr(host: string, port: number): SocketAddr {
  if (!host.includes(":")) return { host, port };
  const bare = host.split("%", 1)[0]!;
  return { host: ipAddress(bare, port)?.host ?? bare, port };
}
