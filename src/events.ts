import type { Asked, CacheOutcome } from "./dns/asked.ts";
import type { Address } from "./protocol/address.ts";
import type { Command, Method } from "./protocol/codes.ts";
import type { Protection } from "./protocol/gssapi.ts";
import type { ByteCounts, SocketAddr } from "./net/socket.ts";

/** The gateway's events. The gateway gets one function, Emit; log and metrics are listeners. */
export type Emit = (event: Event) => void;

/** An event. */
export type Event =
  | {
    readonly type: "listening";
    readonly addr: SocketAddr;
    readonly tls: boolean;
    /** True if it receives datagrams instead of connections. */
    readonly udp?: boolean;
    /** Its purpose, if limited: the scheme of a protocol, or the destination of a forward. */
    readonly purpose?: string | undefined;
    readonly methods: readonly Method[];
  }
  | { readonly type: "session-opened"; readonly session: SessionRecord }
  | { readonly type: "session-closed"; readonly session: SessionRecord }
  /** Only with an audit: the client has sent its request, which is in the record. */
  | { readonly type: "session-requested"; readonly session: SessionRecord }
  /** Only with an audit: an association has finished with a destination. */
  | { readonly type: "udp-destination"; readonly session: SessionRecord; readonly destination: UdpDestinationRecord }
  | { readonly type: "client-turned-away"; readonly client: SocketAddr; readonly reason: TurnedAway }
  | { readonly type: "accept-failed"; readonly addr: SocketAddr; readonly error: Error }
  /** Accepting has failed again since. */
  | { readonly type: "accept-failing"; readonly addr: SocketAddr }
  | { readonly type: "accept-recovered"; readonly addr: SocketAddr; readonly failures: number }
  | UpstreamEvent
  | ({ readonly type: "dns-asked" } & Asked)
  | { readonly type: "dns-cache"; readonly outcome: CacheOutcome }
  /** New clients get another configuration from now on; the known states of upstreams are discarded. */
  | { readonly type: "reconfigured" }
  | { readonly type: "reloaded"; readonly opened: readonly SocketAddr[]; readonly closed: readonly SocketAddr[] }
  | { readonly type: "reload-refused"; readonly problems: readonly string[] }
  | { readonly type: "draining"; readonly sessions: number; readonly deadlineMs: number }
  | { readonly type: "drained"; readonly cut: number }
  | { readonly type: "worker-died"; readonly worker: number; readonly sessions: number; readonly error: unknown }
  /** A thread's counts of the last `ms`, in the order of `admin/history/series.ts`. */
  | { readonly type: "thread-counted"; readonly counts: Float64Array; readonly ms: number }
  /** A thread's ended sessions since its last report, as lines of the audit log, and the number of those left out. */
  | { readonly type: "sessions-reported"; readonly lines: string; readonly lost: number }
  | { readonly type: "fault"; readonly error: unknown };

/** The state of a chain of upstream gateways became known, or changed. Contains no credentials. */
export interface UpstreamEvent {
  /** The type of event. */
  readonly type: "upstream";
  /** Its name, or its gateways if it has no name. */
  readonly upstream: string;
  /** Its gateways, nearest first. */
  readonly chain: string;
  /** True if it answers. */
  readonly up: boolean;
  /** Why it is down. */
  readonly detail?: string;
}

/** Why a connection was closed before its first octet was read; after too many failures, before its password was checked. */
export type TurnedAway =
  | "client-not-allowed"
  | "too-many-sessions"
  | "too-many-sessions-of-client"
  | "too-many-connections" // per second, from one client
  | "too-many-failures" // to authenticate
  | "bad-proxy-header" // missing or invalid, from a proxy that must send one
  | "late-proxy-header";

/** IPvX client and IPvY destination (RFC 3089 s2): A 4→4, B 4→6, C 6→4, D 6→6. */
export type RelayType = "A" | "B" | "C" | "D";

/** Why a session ended. */
export type SessionEnd =
  | "end" // both sides finished
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

/** Why a datagram was dropped. */
export type DropReason =
  | "stranger" // not from the client of the association
  | "malformed"
  | "refused" // by the ruleset
  | "unresolved"
  | "fragment" // of an abandoned sequence
  | "unsolicited" // from an address to which the client had sent nothing
  | "throttled" // above the bandwidth limit
  | "too-large"
  | "lost"; // no room, or refused by the kernel

/** One client connection. The record is updated until "session-closed". Times in ms of the gateway's clock. */
export interface SessionRecord {
  /** Counts from 1. */
  readonly id: number;
  /** The client's address. */
  readonly client: SocketAddr;
  /** When the client connected. */
  readonly startedAt: number;
  /** The client's protocol. */
  protocol?: "socks5" | "socks4" | "http" | "sni" | "host" | "forward" | "transparent";
  /** The authentication method. */
  method?: Method;
  /** For GSSAPI: the protection of its octets. */
  protection?: Protection;
  /** The user's name, authenticated by the method. */
  username?: string;
  /** For a SOCKS4 client: the user ID that it sent, unauthenticated. */
  userId?: string;
  /** The requested command. */
  command?: Command;
  /** The requested destination. */
  destination?: Address;
  /** The address dialled or accepted, if known; for an upstream, its first gateway's. */
  remote?: SocketAddr;
  /** The source address, if a way out is configured; for an association, the first one. */
  outgoing?: string;
  /** The gateways on its way, nearest first, without credentials. */
  via?: string;
  /** Known as soon as the destination's family is. */
  relayType?: RelayType;
  /** The reply to the client (RFC 1928 s6). */
  reply?: number;
  /** Time from the request until the destination was connected or the dial failed (ms). */
  dialMs?: number;
  /** Octets relayed so far. */
  readonly counts: ByteCounts;
  /** Datagrams relayed so far. */
  readonly datagrams: ByteCounts;
  /** Dropped datagrams, by reason. */
  readonly dropped: Partial<Record<DropReason, number>>;
  /** Why it ended; undefined before. */
  end?: SessionEnd;
  /** When it ended. */
  endedAt?: number;
  /** Details of a refusal or a failure, for people. */
  detail?: string;
}

/** The traffic of one destination of an association, or of several together. Times as in sessions. */
export interface UdpDestinationRecord {
  /** The requested destination; undefined for several. */
  readonly asked: Address | undefined;
  /** The number of destinations; senders of unsolicited answers do not count. */
  destinations: number;
  /** The last address of its datagrams; for an upstream, its first gateway. */
  remote?: SocketAddr;
  /** The gateways on their way, nearest first, without credentials. */
  via?: string | undefined;
  /** Time of the first datagram. */
  readonly startedAt: number;
  /** Time of the last datagram. */
  lastAt: number;
  /** Octets of payload. */
  readonly counts: ByteCounts;
  /** Datagrams. */
  readonly datagrams: ByteCounts;
  /** Datagrams dropped, by reason. */
  readonly dropped: Partial<Record<DropReason, number>>;
  /** The rule that refuses it. */
  refusedBy?: string;
}

export function relayType(client: SocketAddr, destination: { readonly host: string }): RelayType {
  const to6 = destination.host.includes(":");
  return client.host.includes(":") ? (to6 ? "D" : "C") : (to6 ? "B" : "A");
}
