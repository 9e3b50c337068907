import { parseIp } from "../protocol/address.ts";
import type { Net } from "../net/socket.ts";

/**
 * The default policy table (RFC 6724 s2.1), longest prefixes first: octets, bits, precedence, label. IPv4 addresses are
 * looked up as IPv4.
 */
const policy: readonly (readonly [octets: readonly number[], bits: number, precedence: number, label: number])[] = [
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128, 50, 0],
  [[0x20, 0x01, 0, 0], 32, 5, 5],
  [[0x20, 0x02], 16, 30, 2],
  [[0x3f, 0xfe], 16, 1, 12],
  [[0xfe, 0xc0], 10, 1, 11],
  [[0xfc], 7, 3, 13],
  [[], 0, 40, 1],
];
const ipv4Precedence = 35, ipv4Label = 4;

/** Addresses considered per name: each costs a route lookup and a rule decision. */
const MAX_ADDRESSES = 32;

interface Ranked {
  readonly host: string;
  /** Compared in this order; larger is better. */
  readonly merits: readonly number[];
}

/** `hosts` without duplicates, up to the limit, with both families if both are there. */
export function few(hosts: readonly string[]): readonly string[] {
  const unique = [...new Set(hosts)];
  if (unique.length <= MAX_ADDRESSES) return unique;
  const six = unique.filter((host) => host.includes(":")), four = unique.filter((host) => !host.includes(":"));
  const half = MAX_ADDRESSES / 2;
  const sixes = Math.min(six.length, Math.max(half, MAX_ADDRESSES - four.length));
  return [...six.slice(0, sixes), ...four.slice(0, MAX_ADDRESSES - sixes)];
}

/**
 * `hosts` in the order to try them: destination address selection (RFC 6724 s6) by the rules that need only the
 * source address: 1 reachable, 2 matching scope, 5 label, 6 precedence, 8 smaller scope, 9 longest common prefix.
 */
export async function ordered(net: Pick<Net, "localAddrFor">, hosts: readonly string[]): Promise<readonly string[]> {
  if (hosts.length < 2) return hosts;
  const ranked = await Promise.all(hosts.map(async (host) => rank(host, await net.localAddrFor(host))));
  return ranked.sort((a, b) => compare(a.merits, b.merits)).map(({ host }) => host);
}

function rank(host: string, source: string | undefined): Ranked {
  const octets = parseIp(host)!;
  const from = source === undefined ? undefined : parseIp(source);
  const [precedence, label] = policyOf(octets);
  return {
    host,
    merits: [
      from ? 1 : 0,
      from && scope(from) === scope(octets) ? 1 : 0,
      from && policyOf(from)[1] === label ? 1 : 0,
      precedence,
      -scope(octets),
      from && octets.length === 16 ? commonBits(octets, from) : 0, // not for IPv4, whose networks are not such a tree: load would never be spread over servers
    ],
  };
}

function policyOf(octets: Uint8Array): readonly [precedence: number, label: number] {
  if (octets.length === 4) return [ipv4Precedence, ipv4Label];
  const [, , precedence, label] = policy.find(([head, bits]) => commonBits(octets, head) >= bits)!;
  return [precedence, label];
}

/** 2 link-local, 5 site-local, 14 global (RFC 6724 s3.1, s3.2). */
function scope(octets: Uint8Array): number {
  const [a, b] = octets as unknown as [number, number];
  if (octets.length === 4) return a === 127 || (a === 169 && b === 254) ? 2 : 14;
  if (a === 0xfe && (b & 0xc0) === 0x80) return 2;
  if (a === 0xfe && (b & 0xc0) === 0xc0) return 5;
  return octets.every((octet, i) => octet === (i === 15 ? 1 : 0)) ? 2 : 14;
}

/** Common bits of the first 64, in which networks differ (RFC 6724 s2.2); 128 for the policy's loopback. */
function commonBits(octets: Uint8Array, head: ArrayLike<number>): number {
  for (let i = 0; i < head.length; i++) {
    const differing = octets[i]! ^ head[i]!;
    if (differing) return i * 8 + Math.clz32(differing) - 24;
  }
  return head.length * 8;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return b[i]! - a[i]!;
  return 0;
}
