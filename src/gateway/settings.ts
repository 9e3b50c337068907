import { type Address, addressText } from "../protocol/address.ts";
import type { Protection } from "../protocol/gssapi.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { Prefix } from "../protocol/ip/prefix.ts";
import type { Quota } from "./quotas/quota.ts";
import type { OutgoingPer, WayOut } from "./way_out.ts";

/** Ports to choose from, both ends included. */
export interface PortRange {
  /** The lowest. */
  readonly first: number;
  /** The highest. */
  readonly last: number;
}

/**
 * From which sources datagrams are relayed to the client, in the words of RFC 4787 s5: any; addresses that the client has sent
 * to; only addresses and ports that it has sent to.
 */
export type UdpFilter = "endpoint-independent" | "address-dependent" | "address-and-port-dependent";

/** User name of a GSSAPI client: its principal (alice@EXAMPLE.ORG), or its local name (auth_to_local). */
export type GssapiUser = "principal" | "local";

/** Where a proxy connects from: a prefix, or a unix socket. */
export type ProxySource = Prefix | "unix";

/** Limits that sessions share; undefined is unlimited. */
export interface Budget {
  /** Bytes a second, in each direction. */
  readonly bandwidth?: number;
  /** Sessions at one time. */
  readonly maxSessions?: number;
  /** New sessions a second. */
  readonly maxRate?: number;
}

/** Authentication and limits of clients: the first entry counts of which all matchers match. */
export interface Access extends Budget {
  /** Its name in messages. */
  readonly name: string;
  /** By the addresses of clients. */
  readonly from?: readonly Prefix[];
  /** Listeners, by address. */
  readonly listeners?: readonly string[];
  /** True if these clients need no password; undefined if the entry does not set it. */
  readonly auth?: "none" | "password";
}

/** The protocols of a listener, if not all. */
export type Speech = "socks" | "http" | ByName | Forward | Routed | Transparent;

/** Routing by the requested name: TLS's server name, or HTTP's Host. */
export interface ByName {
  /** Which of them. */
  readonly by: "sni" | "host";
  /** Port of the destination; undefined for the listener's. */
  readonly port?: number;
}

/** All clients of a listener go to one destination. */
export interface Forward {
  /** The destination. */
  readonly to: Address;
  /** True if its clients send datagrams. */
  readonly udp?: true | undefined;
  /** Version of the PROXY protocol that gives the client's address to the destination; undefined for none. */
  readonly proxyProtocol?: 1 | 2 | undefined;
  /** Idle timeout; undefined for idleMs below, or 60 s for datagrams. */
  readonly idleMs?: number | undefined;
}

/** Clients without a proxy setting, whose traffic is routed here. The program that opens such a listener makes it a Transparent one. */
export interface Routed {
  /** Distinguishes this purpose. */
  readonly routed: true;
  /** True if its clients send datagrams. */
  readonly udp?: true | undefined;
}

/** Clients are relayed to the address that they connected to. */
export interface Transparent {
  /** The destination of clients that connected to that address: the address, or the name that it stands for; undefined for none. */
  readonly destinationOf: (here: SocketAddr) => Address | undefined;
  /** True if its clients send datagrams. */
  readonly udp?: true | undefined;
  /** True if its connections wait for the reply (HeldSocket). */
  readonly held?: true | undefined;
}

/** True if clients are routed by the requested name. */
export function isByName(only: Speech | undefined): only is ByName {
  return typeof only === "object" && "by" in only;
}

/** True if clients of a listener send datagrams. */
export function isUdp(only: Speech | undefined): boolean {
  return (isForward(only) || isRouted(only) || isTransparent(only)) && only.udp === true;
}

export function isRouted(only: Speech | undefined): only is Routed {
  return typeof only === "object" && "routed" in only;
}

export function isTransparent(only: Speech | undefined): only is Transparent {
  return typeof only === "object" && "destinationOf" in only;
}

export function isForward(only: Speech | undefined): only is Forward {
  return typeof only === "object" && "to" in only;
}

/** A listener's purpose: the scheme of --listen, or the destination of a forward; undefined for all protocols. */
export function purposeOf(only: Speech | undefined): string | undefined {
  if (isForward(only)) return addressText(only.to);
  if (isRouted(only) || isTransparent(only)) return "transparent";
  return only === "socks" ? "socks5" : isByName(only) ? only.by : only;
}

/** Settings of the gateway. Times in ms. */
export interface GatewaySettings {
  /** Clients that may connect; undefined for all. */
  readonly from: readonly Prefix[] | undefined;
  /** Authentication and limits for some clients. */
  readonly access: readonly Access[];
  /** Load balancers: their connections must begin with a PROXY header with the client's address. */
  readonly proxies: readonly ProxySource[];
  /** Sessions of all clients at one time. */
  readonly maxSessions: number;
  /** Per IPv4 address or IPv6 /64; undefined for a share of maxSessions, without a limit for clients on this machine. */
  readonly maxSessionsPerClient: number | undefined;
  /** Undefined is unlimited, as below. */
  readonly maxSessionsPerUser: number | undefined;
  /** New connections per second per client. */
  readonly maxRate: number | undefined;
  /** Wrong passwords per minute per client; then only passwords that were right from there before are accepted. */
  readonly maxFailures: number;
  /** Clients exempt from maxFailures. */
  readonly failuresExempt: readonly Prefix[];
  /** Bytes per second in each direction; undefined is unlimited. */
  readonly sessionBandwidth: number | undefined;
  /** The same for all sessions of one user. */
  readonly userBandwidth: number | undefined;
  /** Limits of single users in place of that. */
  readonly userBudgets: ReadonlyMap<string, Budget>;
  /** How much these users may have relayed in a period. */
  readonly userQuotas: ReadonlyMap<string, Quota>;
  /** From accept to the end of the request. */
  readonly handshakeMs: number;
  /** Time to resolve and connect. */
  readonly dialMs: number;
  /** Time for the peer of BIND to connect. */
  readonly bindMs: number;
  /** Idle timeout of a relay, in both directions together. */
  readonly idleMs: number;
  /** Idle timeout of a UDP destination. */
  readonly udpIdleMs: number;
  /** Who may answer a client's datagrams. */
  readonly udpFilter: UdpFilter;
  /** Maximum destinations of one association. */
  readonly maxUdpDestinations: number;
  /** For BND of BIND and UDP ASSOCIATE, if clients and peers reach the gateway at another address than its own. */
  readonly announce: { readonly ipv4?: string; readonly ipv6?: string };
  /** Source addresses, or prefixes, of connections and datagrams to destinations; undefined: the system chooses. */
  readonly outgoing: Pick<WayOut, "ipv4" | "ipv6">;
  /** What shares one address of a prefix. */
  readonly outgoingPer: OutgoingPer;
  /** Sources of these users' sessions. */
  readonly usersWaysOut: ReadonlyMap<string, WayOut>;
  /** True if SOCKS4 and SOCKS4A are accepted. */
  readonly socks4: boolean;
  /** True if UDP inside the TCP connection is accepted (command 05 of hev-socks5-server). */
  readonly udpInTcp: boolean;
  /** True if RESOLVE and RESOLVE_PTR are accepted (Tor's socks-extensions). */
  readonly resolveCommands: boolean;
  /** Minimum protection level with GSSAPI; a client may request a higher one. */
  readonly gssapiProtection: Protection;
  /** True if an unprotected level request is accepted, as NEC's implementation sends it. */
  readonly gssapiNec: boolean;
  /** What a client with a ticket is called. */
  readonly gssapiUser: GssapiUser;
  /** True if GSSAPI is preferred when a client offers both. */
  readonly gssapiFirst: boolean;
  /** True to report each request and UDP destination. */
  readonly audit: boolean;
  /** Port range for BIND and UDP ASSOCIATE; undefined for any. */
  readonly ports: PortRange | undefined;
}

/** What holds where nothing else is said. */
export const defaultSettings: GatewaySettings = {
  from: undefined,
  access: [],
  proxies: [],
  maxSessions: 10_000,
  maxSessionsPerClient: undefined,
  maxSessionsPerUser: undefined,
  maxRate: undefined,
  maxFailures: 10,
  failuresExempt: [],
  sessionBandwidth: undefined,
  userBandwidth: undefined,
  userBudgets: new Map(),
  userQuotas: new Map(),
  handshakeMs: 10_000,
  dialMs: 15_000,
  bindMs: 180_000,
  idleMs: 900_000,
  udpIdleMs: 300_000,
  udpFilter: "address-and-port-dependent",
  maxUdpDestinations: 1_024,
  announce: {},
  outgoing: {},
  outgoingPer: "session",
  usersWaysOut: new Map(),
  socks4: false,
  udpInTcp: false,
  resolveCommands: false,
  gssapiProtection: "integrity",
  gssapiNec: false,
  gssapiUser: "principal",
  gssapiFirst: false,
  audit: false,
  ports: undefined,
};
