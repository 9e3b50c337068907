import { ipAddress } from "../protocol/address.ts";
import type { SocketAddr } from "./socket.ts";

/** The address as a runtime tells it, made canonical: the zone apart, IPv4-mapped IPv6 unwrapped. */
export function socketAddr(host: string, port: number): SocketAddr {
  if (!host.includes(":")) return { host, port };
  const [bare, zone] = host.split("%", 2) as [string, string?];
  return { host: ipAddress(bare, port)?.host ?? bare, port, ...zone !== undefined && { zone } };
}

/** The host as a runtime takes it. */
export function runtimeHost({ host, zone }: SocketAddr): string {
  return zone === undefined ? host : `${host}%${zone}`;
}
