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
 * From which sources datagrams are relayed to the client, in the words of RFC 4787 s5: any; addresses the client has sent
 * to; only the very addresses and ports it has sent to.
 */
export type UdpFilter = "endpoint-independent" | "address-dependent" | "address-and-port-dependent";

/** What a client that GSSAPI vouches for is called: its principal (alice@EXAMPLE.ORG), or what this machine calls that (auth_to_local). */
export type GssapiUser = "principal" | "local";

/** Whence a proxy in front connects: a prefix, or a unix socket. */
export type ProxySource = Prefix | "unix";

/** What many sessions have together; no bound where undefined. */
export interface Budget {
  /** Bytes a second, in each direction. */
  readonly bandwidth?: number;
  /** Sessions at one time. */
  readonly maxSessions?: number;
  /** New sessions a second. */
  readonly maxRate?: number;
}

/** How clients come in: the first entry that fits a client counts, and fits where each matcher it has does. */
export interface Access extends Budget {
  /** What messages call it. */
  readonly name: string;
  /** By the addresses of clients. */
  readonly from?: readonly Prefix[];
  /** By the addresses of listeners. */
  readonly listeners?: readonly string[];
  /** Whether who comes so may go without a password; undefined where the entry does not say. */
  readonly auth?: "none" | "password";
}

/** What the clients of a listener may speak, where that is not everything. */
export type Speech = "socks" | "http" | ByName | Forward | Routed | Transparent;

/** The name that a client asks for decides where it goes: TLS's server name, or HTTP's Host. */
export interface ByName {
  /** Which of them. */
  readonly by: "sni" | "host";
  /** Of the destination; that of the listener where undefined. */
  readonly port?: number;
}

/** All clients of a listener go to one destination, and speak with that alone. */
export interface Forward {
  /** The destination. */
  readonly to: Address;
  /** Whether its clients send datagrams. */
  readonly udp?: true | undefined;
  /** The PROXY protocol that tells the destination whose connection it is; none where undefined. */
  readonly proxyProtocol?: 1 | 2 | undefined;
  /** Without an octet for so long it ends; undefined is as idleMs below, or 60 s of datagrams. */
  readonly idleMs?: number | undefined;
}

/** Clients know of no gateway: routes lead here what they send to anybody. Who opens such a listener makes it a Transparent one. */
export interface Routed {
  readonly routed: true;
  /** Whether its clients send datagrams. */
  readonly udp?: true | undefined;
}

/** Clients speak with whom they think they have connected to. */
export interface Transparent {
  /** Where who came to that address goes: that, or the name that it stands for; undefined where it leads nowhere. */
  readonly destinationOf: (here: SocketAddr) => Address | undefined;
  /** Whether its clients send datagrams. */
  readonly udp?: true | undefined;
  /** Whether its connections wait for the reply (HeldSocket). */
  readonly held?: true | undefined;
}

/** Whether clients are served by the name that they ask for. */
export function isByName(only: Speech | undefined): only is ByName {
  return typeof only === "object" && "by" in only;
}

/** Whether clients of a listener send datagrams. */
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

/** What a listener is for, as --listen says it or, of a forward, where it leads; undefined where that is everything. */
export function purposeOf(only: Speech | undefined): string | undefined {
  if (isForward(only)) return addressText(only.to);
  if (isRouted(only) || isTransparent(only)) return "transparent";
  return only === "socks" ? "socks5" : isByName(only) ? only.by : only;
}

/** What the gateway is told. Times in ms. */
export interface GatewaySettings {
  /** Clients that may connect; everyone where undefined. */
  readonly from: readonly Prefix[] | undefined;
  /** How clients come in, where not all come the same way. */
  readonly access: readonly Access[];
  /** Proxies in front: whatever they bring begins with a PROXY header, which says who the client is. */
  readonly proxies: readonly ProxySource[];
  /** Sessions of all clients at one time. */
  readonly maxSessions: number;
  /** Of one IPv4 address or IPv6 /64; a share of all where undefined, but for clients of this machine. */
  readonly maxSessionsPerClient: number | undefined;
  /** No bound where undefined, as below. */
  readonly maxSessionsPerUser: number | undefined;
  /** New connections a second from one client. */
  readonly maxRate: number | undefined;
  /** Wrong passwords a minute of one client, before no more of its are tried but what was good from there. */
  readonly maxFailures: number;
  /** Clients for which that does not hold. */
  readonly failuresExempt: readonly Prefix[];
  /** Bytes a second, in each direction; no bound where undefined. */
  readonly sessionBandwidth: number | undefined;
  /** The same for all sessions of one user. */
  readonly userBandwidth: number | undefined;
  /** What these users have in place of that. */
  readonly userBudgets: ReadonlyMap<string, Budget>;
  /** How much these users may have relayed in a period. */
  readonly userQuotas: ReadonlyMap<string, Quota>;
  /** From accept to the end of the request. */
  readonly handshakeMs: number;
  /** Resolving and connecting together. */
  readonly dialMs: number;
  /** How long BIND waits for its peer. */
  readonly bindMs: number;
  /** No byte in either direction for so long ends a relay. */
  readonly idleMs: number;
  /** A UDP destination that was silent for so long is forgotten. */
  readonly udpIdleMs: number;
  /** Who may answer a client's datagrams. */
  readonly udpFilter: UdpFilter;
  /** Destinations one association may have at a time. */
  readonly maxUdpDestinations: number;
  /** For BND of BIND and UDP ASSOCIATE, where clients and peers see another address than the gateway has. */
  readonly announce: { readonly ipv4?: string; readonly ipv6?: string };
  /** Local addresses, or prefixes of them, that connections and datagrams to destinations leave from; the system chooses where undefined. */
  readonly outgoing: Pick<WayOut, "ipv4" | "ipv6">;
  /** Who keeps an address of a prefix there. */
  readonly outgoingPer: OutgoingPer;
  /** By what sessions of these users leave. */
  readonly usersWaysOut: ReadonlyMap<string, WayOut>;
  /** Whether SOCKS4 and SOCKS4A are served. */
  readonly socks4: boolean;
  /** Whether UDP inside of the TCP connection is served (command 05 of hev-socks5-server). */
  readonly udpInTcp: boolean;
  /** Whether RESOLVE and RESOLVE_PTR are served (Tor's socks-extensions). */
  readonly resolveCommands: boolean;
  /** With GSSAPI, the least that octets are protected by; a client that asks for more gets that. */
  readonly gssapiProtection: Protection;
  /** Whether a level that is asked for without protection is taken, as NEC's implementation does. */
  readonly gssapiNec: boolean;
  /** What a client with a ticket is called. */
  readonly gssapiUser: GssapiUser;
  /** Whether GSSAPI comes before a password where a client offers both. */
  readonly gssapiFirst: boolean;
  /** Whether requests and UDP destinations are told of one by one. */
  readonly audit: boolean;
  /** For the ports of BIND and UDP ASSOCIATE; any where undefined. */
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
