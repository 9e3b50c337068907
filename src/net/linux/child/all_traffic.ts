import { parseIp } from "../../../protocol/address.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../kernel/libc/abi.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import {
  accept,
  addTable,
  asksToConnect,
  drop,
  type Expression,
  hasSocket,
  ofProtocol,
  ofType,
  toAddress,
  toPort,
  toTransparent,
  withMark,
  withoutMark,
} from "../netlink/nf_tables.ts";
import { addAddress, bringUp, takeAllAddresses } from "../netlink/routes.ts";
import { LET_IN_MARK, SENT_IN_MARK } from "../transparent/syn_gate.ts";
import { type NetworkSockets, TRANSPARENT_PORT } from "./own_network.ts";

/** The program's own addresses: with an address that is not loopback, getaddrinfo(3) assumes a network (AI_ADDRCONFIG). */
export const OWN_ADDRESSES = { ipv4: "10.46.46.46", ipv6: "fd46:46::46" } as const;

export const DNS_PORT = 53;

const LOOPBACK = 1;
const families = [
  { family: "ip", own: OWN_ADDRESSES.ipv4, loopback: "127.0.0.0", bits: 8, icmp: 1, echo: 8 },
  { family: "ip6", own: OWN_ADDRESSES.ipv6, loopback: "::1", bits: 128, icmp: 58, echo: 128 },
] as const;

/**
 * Routes all outgoing traffic of that network to its transparent sockets: DNS to any server, TCP and UDP to any address but its own.
 * Its own loopback stays as it is. Throws NetError.
 */
export function takeAllTraffic(libc: Libc, { route, netfilter }: NetworkSockets): void {
  bringUp(libc, route, LOOPBACK);
  for (const { own } of families) addAddress(libc, route, LOOPBACK, own);
  for (const { own } of families) takeAllAddresses(libc, route, LOOPBACK, own);
  for (const { family, own, loopback, bits, icmp, echo } of families) {
    const take = (protocol: number, ...which: Expression[]) => [
      ...ofProtocol(protocol),
      ...which,
      ...toTransparent(family, TRANSPARENT_PORT),
    ];
    const toLoopback = toAddress(parseIp(loopback)!, bits);
    addTable(libc, netfilter, family, "gate46", [
      [...withMark(SENT_IN_MARK), accept],
      take(IPPROTO_TCP, ...toPort(DNS_PORT)),
      take(IPPROTO_UDP, ...toPort(DNS_PORT)),
      [...toAddress(parseIp(own)!), accept],
      [...toLoopback, hasSocket, accept],
      [...ofProtocol(IPPROTO_TCP), ...asksToConnect, ...withoutMark(LET_IN_MARK), drop],
      take(IPPROTO_TCP),
      take(IPPROTO_UDP),
      [...ofProtocol(icmp), ...toLoopback, accept],
      [...ofProtocol(icmp), ...ofType(echo), drop], // there is no neighbour to answer
    ]);
  }
}
