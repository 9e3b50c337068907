/**
 * gate46: a dual-stack SOCKSv5 gateway (RFC 1928, RFC 1929, RFC 3089) on Deno and on Bun. Run it, or import its parts.
 */
import { existsSync, realpathSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { GssInitiator } from "./src/net/gss/gss.ts";
import { start } from "./src/cli/start.ts";

// A gateway of your own: what it listens on, whom it serves, and what it tells.
export { Gateway, type GatewayContext, type Listening, type Opening } from "./src/gateway/gateway.ts";
export type { Configured } from "./src/gateway/configured.ts";
export type { Reach } from "./src/gateway/dial/plan.ts";
export {
  type Access,
  type Budget,
  type ByName,
  defaultSettings,
  type Forward,
  type GatewaySettings,
  type GssapiUser,
  type PortRange,
  type ProxySource,
  type Routed,
  type Speech,
  type Transparent,
  type UdpFilter,
} from "./src/gateway/settings.ts";
export type { Quota, QuotaPeriod } from "./src/gateway/quotas/quota.ts";
export { QuotaMeter, type Usage } from "./src/gateway/quotas/quota_meter.ts";
export { type OutgoingPer, outgoingPers, type WayOut } from "./src/gateway/way_out.ts";
export type {
  DropReason,
  Emit,
  Event,
  RelayType,
  SessionEnd,
  SessionRecord,
  TurnedAway,
  UdpDestinationRecord,
  UpstreamEvent,
} from "./src/events.ts";
export { AddressType, Command, Method, Reply } from "./src/protocol/codes.ts";
export type { Address } from "./src/protocol/address.ts";
export { type Protection, protections } from "./src/protocol/gssapi.ts";

// Who comes in.
export type { Authenticator, Verdict } from "./src/gateway/entrance/methods.ts";
export { type Credentials, usernameText } from "./src/protocol/negotiation.ts";
export { Users, type UsersOptions } from "./src/gateway/users/users.ts";
export {
  formatHash,
  type HashCost,
  hashPassword,
  parseHash,
  type PasswordHash,
} from "./src/gateway/users/password_hash.ts";
export type { FailureSettings } from "./src/gateway/limits/failures.ts";

// Where they may go, and through whom.
export { Ruleset, type RulesetOptions } from "./src/gateway/rules/ruleset.ts";
export type { OwnAddrs } from "./src/gateway/rules/own_listeners.ts";
export { type FamilyChoice, familyChoices, type Rule } from "./src/gateway/rules/rule.ts";
export { type NamePattern, parseNamePattern } from "./src/gateway/rules/name_pattern.ts";
export { parsePrefix, type Prefix } from "./src/protocol/ip/prefix.ts";
export type { ProbeTimes } from "./src/gateway/upstreams/probes.ts";
export { Upstreams, type UpstreamsOptions } from "./src/gateway/upstreams/upstreams.ts";
export { type Upstream, upstreamPolicies, type UpstreamPolicy } from "./src/gateway/upstreams/upstream.ts";

// The network under both: sockets, names, time.
export { openNet } from "./src/net/open.ts";
export type {
  AcceptedSocket,
  ByteCounts,
  ConnectOptions,
  Datagram,
  Exit,
  Leaving,
  Listener,
  ListenOptions,
  Net,
  OwnConnection,
  Preface,
  Prefaces,
  RelayEnd,
  RelayOptions,
  Socket,
  SocketAddr,
  Successors,
  Throttle,
  UdpSocket,
} from "./src/net/socket.ts";
export { NetError, type NetErrorKind } from "./src/net/error.ts";
export { Cut } from "./src/net/cut.ts";
export { type Clock, systemClock } from "./src/net/clock.ts";
export { systemResolver } from "./src/dns/system/getaddrinfo.ts";
export type { Found, Resolver } from "./src/dns/resolver.ts";
export type { Asked, AskedBy, CacheOutcome, Ear } from "./src/dns/asked.ts";
export type { Asker } from "./src/turns/fair_queue.ts";
export type { Nat64 } from "./src/gateway/dial/nat64_discovery.ts";
export type { Tls } from "./src/net/tls/tls.ts";
export type { GssAcceptor, GssContext, GssInitiation, GssInitiator, Unwrapped } from "./src/net/gss/gss.ts";

// The client.
export {
  type AcceptedPeer,
  type BoundRendezvous,
  type CallOptions,
  Client,
  type ClientOptions,
} from "./src/sockslib/client.ts";
export type { Association, ReceivedDatagram } from "./src/sockslib/association.ts";
export type { ChainReach } from "./src/sockslib/chain/hop_chain.ts";
export { ReplyError } from "./src/sockslib/chain/reply_error.ts";
export { FakeAddresses, type FakePair } from "./src/sockslib/fake/fake_addresses.ts";
export type { FakeJournal } from "./src/sockslib/fake/fake_journal.ts";
export { FileJournal } from "./src/sockslib/fake/file_journal.ts";

/** What a Client with `?gssapi=SERVICE` in `via` is given as `gss`. Rejects with NetError where GSSAPI's library is not here. */
export const openGssInitiator = async (): Promise<GssInitiator> =>
  await (await import("./src/cli/service/threads/gss_asking.ts")).openInitiator(new URL(import.meta.url));

/** Whether this is the program, and no library of one: a bundler would put what it thinks in place of `import.meta.main`. */
function isMain({ main, url }: { readonly main?: boolean; readonly url: string }): boolean {
  if (main !== undefined) return main;
  const [, script] = process.argv; // before Node.js 24
  return script !== undefined && existsSync(script) && pathToFileURL(realpathSync(script)).href === url;
}

await start(isMain(import.meta), new URL(import.meta.url));
