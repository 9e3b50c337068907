import type { Asked, CacheOutcome } from "./dns/asked.ts";
import type { Address } from "./protocol/address.ts";
import type { Command, Method } from "./protocol/codes.ts";
import type { Protection } from "./protocol/gssapi.ts";
import type { ByteCounts, SocketAddr } from "./net/socket.ts";

/** What the gateway tells the world. It gets one function, Emit; log and metrics are listeners. */
export type Emit = (event: Event) => void;

/** What has happened. */
export type Event =
  | {
    readonly type: "listening";
    readonly addr: SocketAddr;
    readonly tls: boolean;
    /** Whether datagrams come there, and no connections. */
    readonly udp?: boolean;
    /** What it is for, where that is not everything: the scheme of a protocol, or where a forward leads. */
    readonly purpose?: string | undefined;
    readonly methods: readonly Method[];
  }
  | { readonly type: "session-opened"; readonly session: SessionRecord }
  | { readonly type: "session-closed"; readonly session: SessionRecord }
  /** Where there is an audit: the client has said what it wants, which is in the record. */
  | { readonly type: "session-requested"; readonly session: SessionRecord }
  /** Where there is an audit: an association has done with a destination. */
  | { readonly type: "udp-destination"; readonly session: SessionRecord; readonly destination: UdpDestinationRecord }
  | { readonly type: "client-turned-away"; readonly client: SocketAddr; readonly reason: TurnedAway }
  | { readonly type: "accept-failed"; readonly addr: SocketAddr; readonly error: Error }
  /** It has failed again since. */
  | { readonly type: "accept-failing"; readonly addr: SocketAddr }
  | { readonly type: "accept-recovered"; readonly addr: SocketAddr; readonly failures: number }
  | UpstreamEvent
  | ({ readonly type: "dns-asked" } & Asked)
  | { readonly type: "dns-cache"; readonly outcome: CacheOutcome }
  /** New clients get another configuration from now on; what was known of upstreams is not any more. */
  | { readonly type: "reconfigured" }
  | { readonly type: "reloaded"; readonly opened: readonly SocketAddr[]; readonly closed: readonly SocketAddr[] }
  | { readonly type: "reload-refused"; readonly problems: readonly string[] }
  | { readonly type: "draining"; readonly sessions: number; readonly deadlineMs: number }
  | { readonly type: "drained"; readonly cut: number }
  | { readonly type: "worker-died"; readonly worker: number; readonly sessions: number; readonly error: unknown }
  /** What a thread did in the last `ms`, as `admin/history/series.ts` names it. */
  | { readonly type: "thread-counted"; readonly counts: Float64Array; readonly ms: number }
  | { readonly type: "fault"; readonly error: unknown };

/** It became known how a chain of upstream gateways is, or that has changed. No credentials. */
export interface UpstreamEvent {
  /** Which event it is. */
  readonly type: "upstream";
  /** Its name, or its gateways where it has none. */
  readonly upstream: string;
  /** Its gateways, nearest first. */
  readonly chain: string;
  /** Whether it answers. */
  readonly up: boolean;
  /** Why it is down. */
  readonly detail?: string;
}

/** Why a connection was closed before the first octet of its conversation was read; of failures, before its password was tried. */
export type TurnedAway =
  | "client-not-allowed"
  | "too-many-sessions"
  | "too-many-sessions-of-client"
  | "too-many-connections" // a second, from one client
  | "too-many-failures" // to authenticate
  | "bad-proxy-header" // none, or not one, from where there has to be one
  | "late-proxy-header";

/** IPvX client, IPvY destination (RFC 3089 s2): A 4→4, B 4→6, C 6→4, D 6→6. */
export type RelayType = "A" | "B" | "C" | "D";

/** Why a session ended. */
export type SessionEnd =
  | "end" // both sides had finished
  | "idle"
  | "reset"
  | "error"
  | "refused" // a reply other than 00
  | "no-acceptable-method"
  | "authentication-failed"
  | "protocol-error"
  | "handshake-timeout"
  | "client-left"
  | "drained"
  | "ended-by-operator"
  | "quota-reached"
  | "fault";

/** Why a datagram went no further. */
export type DropReason =
  | "stranger" // not from the client of the association
  | "malformed"
  | "refused" // by the ruleset
  | "unresolved"
  | "fragment" // of a sequence that was abandoned
  | "unsolicited" // from where the client had sent nothing
  | "throttled" // beyond the bandwidth
  | "too-large"
  | "lost"; // no room, or refused by the kernel

/** One client connection. It lives and changes until "session-closed". Times in ms of the gateway's clock. */
export interface SessionRecord {
  /** Counts from 1. */
  readonly id: number;
  /** Whose connection it is. */
  readonly client: SocketAddr;
  /** When it came. */
  readonly startedAt: number;
  /** What the client speaks. */
  protocol?: "socks5" | "socks4" | "http" | "sni" | "host" | "forward" | "transparent";
  /** By which the client has said who it is. */
  method?: Method;
  /** Of GSSAPI: how its octets travel. */
  protection?: Protection;
  /** Who the client is, as its method vouches for. */
  username?: string;
  /** Of a SOCKS4 client: what it calls its user, which nothing vouches for. */
  userId?: string;
  /** What the client asks for. */
  command?: Command;
  /** Where the client wants to go. */
  destination?: Address;
  /** The address dialled or accepted, where it is known; of an upstream, its first gateway's. */
  remote?: SocketAddr;
  /** The address that it left from, where something is said of that; of an association the first. */
  outgoing?: string;
  /** The gateways it went through, nearest first, without credentials. */
  via?: string;
  /** Known once the destination's family is. */
  relayType?: RelayType;
  /** What the client was answered (RFC 1928 s6). */
  reply?: number;
  /** From the request until the destination was connected, or not. */
  dialMs?: number;
  /** Octets relayed so far. */
  readonly counts: ByteCounts;
  /** Datagrams relayed so far. */
  readonly datagrams: ByteCounts;
  /** Datagrams that went no further, by reason. */
  readonly dropped: Partial<Record<DropReason, number>>;
  /** Why it ended, once it has. */
  end?: SessionEnd;
  /** When it ended. */
  endedAt?: number;
  /** More about a refusal or a failure, for people. */
  detail?: string;
}

/** What one destination of an association was sent, and has sent; or several of them together. Times as of sessions. */
export interface UdpDestinationRecord {
  /** What the client asked for; undefined where it is several. */
  readonly asked: Address | undefined;
  /** How many it is; answers of others than who was asked are none. */
  destinations: number;
  /** Where its datagrams went last; of an upstream, its first gateway. */
  remote?: SocketAddr;
  /** The gateways they went through, nearest first, without credentials. */
  via?: string | undefined;
  readonly startedAt: number;
  /** Of the last datagram. */
  lastAt: number;
  readonly counts: ByteCounts;
  readonly datagrams: ByteCounts;
  readonly dropped: Partial<Record<DropReason, number>>;
  /** What refuses it. */
  refusedBy?: string;
}

export function relayType(client: SocketAddr, destination: { readonly host: string }): RelayType {
  const to6 = destination.host.includes(":");
  return client.host.includes(":") ? (to6 ? "D" : "C") : (to6 ? "B" : "A");
}
