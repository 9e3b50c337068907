import { ipAddress } from "../protocol/address.ts";
import type { SocketAddr } from "./socket.ts";

/** A runtime's address in canonical form: the zone apart, IPv4-mapped IPv6 unwrapped. */
export function socketAddr(host: string, port: number): SocketAddr {
  if (!host.includes(":")) return { host, port };
  const [bare, zone] = host.split("%", 2) as [string, string?];
  return { host: ipAddress(bare, port)?.host ?? bare, port, ...zone !== undefined && { zone } };
}

/** The host in the form for a runtime. */
export function runtimeHost({ host, zone }: SocketAddr): string {
  return zone === undefined ? host : `${host}%${zone}`;
}

/** True if both listeners have the same port and one address covers the other, as :: covers 127.0.0.1. */
export function overlaps(one: SocketAddr, other: SocketAddr): boolean {
  if (one.port !== other.port || one.host === other.host || (one.unix ?? other.unix) !== undefined) return false;
  return contains(one.host, other.host) || contains(other.host, one.host);
}

function contains(all: string, host: string): boolean {
  return all === "::" || (all === "0.0.0.0" && !host.includes(":"));
}
