import { AF_INET, AF_INET6 } from "../../kernel/libc/sockaddr.ts";
import { IPPROTO_TCP, IPPROTO_UDP, SOCK_CLOEXEC, SOCK_STREAM } from "../../kernel/libc/abi.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { setTransparent } from "../../kernel/sockets/socket_option.ts";
import { AF_NETLINK, NETLINK_NETFILTER, NETLINK_ROUTE } from "../netlink/netlink.ts";
import {
  accept,
  addTable,
  type Expression,
  fromAddress,
  mark,
  type NetfilterFamily,
  ofProtocol,
  removeTable,
  toAddress,
  toOneElsewhere,
  toTransparent,
  withMark,
} from "../netlink/nf_tables.ts";
import { addMarkRule, LOCAL_TABLE, putLocalRoute, removeOurs } from "../netlink/own_routes.ts";

/** Traffic of this program is never taken; taken traffic is routed to this host. */
export const OWN_MARK = 0x4646;
const TAKEN_MARK = 0x4647, TAKEN_TABLE = 4646, TAKEN_PRIORITY = 4646;

const TABLE = "gate46-router", SOCK_RAW = 3;

/** A prefix of either family. */
export interface RoutedPrefix {
  readonly octets: Uint8Array;
  readonly bits: number;
}

/** Traffic for the transparent listener. */
export interface RouterRules {
  /** The listener's port, on every address. */
  readonly port: number;
  /** Destinations taken from all clients. */
  readonly fake: readonly RoutedPrefix[];
  /** Clients whose traffic to other hosts is taken, but not among each other. */
  readonly clients: readonly RoutedPrefix[];
  /** Whose own connections would come back here for ever: gateways that this program goes on by. */
  readonly exempt: readonly RoutedPrefix[];
  /** The mark of this program's own sockets. */
  readonly ownMark: number;
}

const families = [
  { family: "ip", size: 4, any: { octets: new Uint8Array(4), bits: 0 } },
  { family: "ip6", size: 16, any: { octets: new Uint8Array(16), bits: 0 } },
] as const;

/** Sets up routes, rules of routing and an nf_tables table, in place of those of this program that there are. Throws NetError. */
export function installRules(libc: Libc, rules: RouterRules): void {
  try {
    withSockets(libc, (route, netfilter) => install(libc, route, netfilter, rules));
  } catch (error) {
    try {
      removeRules(libc); // a part of them would lead nowhere
    } catch {
      // A user without the right to make them has made none.
    }
    throw error;
  }
}

function install(libc: Libc, route: number, netfilter: number, rules: RouterRules): void {
  removeOurs(libc, route, [LOCAL_TABLE, TAKEN_TABLE]);
  for (const { family, size, any } of families) {
    if (size === 16 && !hasFamily(libc, AF_INET6)) continue;
    const of = (prefixes: readonly RoutedPrefix[]) => prefixes.filter(({ octets }) => octets.length === size);
    for (const prefix of of(rules.fake)) putLocalRoute(libc, route, prefix, LOCAL_TABLE);
    const clients = of(rules.clients), exempt = of(rules.exempt);
    if (clients.length > 0) {
      putLocalRoute(libc, route, any, TAKEN_TABLE);
      addMarkRule(libc, route, size === 16, { mark: TAKEN_MARK, table: TAKEN_TABLE, priority: TAKEN_PRIORITY });
    }
    addTable(libc, netfilter, family, TABLE, chain(family, { ...rules, fake: of(rules.fake), clients, exempt }));
  }
}

/** Removes everything that installRules() has set up, also in an earlier run. Throws NetError. */
export function removeRules(libc: Libc): void {
  withSockets(libc, (route, netfilter) => {
    for (const { family } of families) {
      if (hasFamily(libc, family === "ip" ? AF_INET : AF_INET6)) removeTable(libc, netfilter, family, TABLE);
    }
    removeOurs(libc, route, [LOCAL_TABLE, TAKEN_TABLE]);
  });
}

function chain(family: NetfilterFamily, { port, fake, clients, exempt, ownMark }: RouterRules): Expression[][] {
  const protocols = [IPPROTO_TCP, IPPROTO_UDP];
  const take = (which: Expression[]) =>
    protocols.map((protocol) => [
      ...ofProtocol(protocol),
      ...which,
      ...toTransparent(family, port, ...mark(TAKEN_MARK)),
    ]);
  return [
    [...withMark(ownMark), accept],
    ...exempt.map(({ octets, bits }) => [...fromAddress(octets, bits), accept]),
    ...fake.flatMap(({ octets, bits }) => take(toAddress(octets, bits))),
    ...clients.map(({ octets, bits }) => [...toAddress(octets, bits), accept]),
    ...clients.flatMap(({ octets, bits }) => take([...fromAddress(octets, bits), ...toOneElsewhere])),
  ];
}

function hasFamily(libc: Libc, family: number): boolean {
  const SOCK_DGRAM = 2, fd = libc.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) libc.close(fd);
  return fd >= 0;
}

function withSockets(libc: Libc, use: (route: number, netfilter: number) => void): void {
  const open: number[] = [];
  try {
    for (const protocol of [NETLINK_ROUTE, NETLINK_NETFILTER]) {
      const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
      if (fd < 0) throw errnoError(libc.errno(), "set up", "routes");
      open.push(fd);
    }
    use(open[0]!, open[1]!);
  } finally {
    for (const fd of open) libc.close(fd);
  }
}

/** True if this user may have sockets for addresses that are not this host's (CAP_NET_ADMIN). */
export function mayBeTransparent(libc: Libc): boolean {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true; // the listener reports the reason
  const may = setTransparent(libc, fd, false);
  libc.close(fd);
  return may;
}
