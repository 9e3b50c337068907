import { networkInterfaces } from "node:os";
import { formatIp, ipAddress, parseIp } from "../../../protocol/address.ts";
import type { SocketAddr } from "../../socket.ts";

/** Addresses of this machine, from the operating system's list of interfaces. */

/** Minimum interval between queries: the list changes seldom, and each request needs it. */
const FRESH_MS = 2_000;

let addrs: readonly string[] = [];
let listedAt = -Infinity;

/** Every address of every interface, canonical and without zones. */
export function interfaceAddrs(): readonly string[] {
  if (performance.now() - listedAt < FRESH_MS) return addrs;
  addrs = list().map(({ address }) => bare(address));
  listedAt = performance.now();
  return addrs;
}

/** The local address towards `host` if the kernel cannot be asked: of the same subnet, else any that is not loopback. */
export function likelyLocalAddr(host: string): string | undefined {
  const family = host.includes(":") ? "IPv6" : "IPv4";
  const candidates = list().filter((entry) => entry.family === family);
  const near = candidates.find(({ address, netmask }) => sameSubnet(address, host, netmask));
  const any = candidates.find(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  return (near ?? any)?.address;
}

/** An address of this machine with its interface, if the runtime does not report it: link-local ones need it. */
export function zoned(addr: SocketAddr): SocketAddr {
  if (addr.zone !== undefined || !isLinkLocal(addr.host)) return addr;
  const zone = list().find(({ address }) => bare(address) === addr.host)?.scopeid;
  return zone ? { ...addr, zone: String(zone) } : addr;
}

/** The number of an interface (RFC 4007 s11.2); undefined if there is no such interface. */
export function zoneNumber(zone: string): number | undefined {
  if (/^\d+$/.test(zone)) return Number(zone);
  list();
  return interfaces[zone]?.find(({ scopeid }) => scopeid)?.scopeid;
}

function isLinkLocal(host: string): boolean {
  return /^fe[89ab]/.test(host);
}

function bare(address: string): string {
  return ipAddress(address.split("%")[0]!, 0)?.host ?? address;
}

let interfaces: ReturnType<typeof networkInterfaces> = {};

/** The previous list, if a new one fails: without descriptors Deno throws. */
function list() {
  try {
    interfaces = networkInterfaces();
  } catch {
    // As it was.
  }
  return Object.values(interfaces).flatMap((entries) => entries ?? []);
}

function sameSubnet(a: string, b: string, netmask: string): boolean {
  const [mask, network, other] = [parseIp(netmask), parseIp(a), parseIp(b)];
  if (!mask || !network || !other) return false;
  const masked = (octets: Uint8Array) => formatIp(octets.map((octet, i) => octet & mask[i]!));
  return masked(network) === masked(other);
}
