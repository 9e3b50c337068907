import type { Config } from "../../config/config.ts";
import { type Ear, heardTransport } from "../../dns/asked.ts";
import { DnsResolver } from "../../dns/dns_resolver.ts";
import { type Hosts, parseHosts } from "../../dns/hosts.ts";
import { Names } from "../../dns/names.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { transportTo } from "../../dns/servers/server.ts";
import { Servers } from "../../dns/servers/servers.ts";
import { type SystemFiles, SystemNames } from "../../dns/system/system_names.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import { watched } from "../../dns/system/watched_file.ts";
import type { Emit } from "../../events.ts";
import { Nat64 } from "../../gateway/dial/nat64_discovery.ts";
import type { Clock } from "../../net/clock.ts";
import type { Net } from "../../net/socket.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import { hostsFile } from "../files/system_files.ts";

/** Emits an event for each look-up, and for each use of the cache. */
export function emittingEar(emit: Emit): Ear {
  return {
    asked: (asked) => emit({ type: "dns-asked", ...asked }),
    cached: (outcome) => emit({ type: "dns-cache", outcome }),
  };
}

/** Name resolution and NAT64 of a configuration. */
export interface Naming {
  readonly resolver: Resolver;
  readonly nat64: Nat64 | undefined;
  /** Transports to the DNS servers, in their order. */
  readonly servers: readonly Transport[];
  /** Closes connections to DNS servers. */
  close(): void;
}

export interface NamingParts {
  readonly net: Net;
  readonly clock: Clock;
  /** CA certificates for DNS servers, in PEM. */
  readonly dnsCa?: string | undefined;
  /** The resolver if no DNS server is configured, and for names that only the system knows. */
  readonly system: Resolver;
  /** The system's files about names; with them, the system is asked only for what they do not answer. */
  readonly files?: SystemFiles | undefined;
  /** The transport to the DNS server at that index in the configuration, if this thread cannot speak TLS. */
  readonly overTls?: (place: number) => Transport;
  /** Listens for NAT64 prefixes in router advertisements; undefined if that is impossible. */
  readonly announced?: () => Announcements | undefined;
  /** Receives the outcomes of look-ups. */
  readonly ear?: Ear;
}

/** NAT64 prefixes that routers announce. */
export interface Announcements {
  readonly prefixes: readonly Prefix[];
  close(): void;
}

/** True if this host has an IPv4 address other than loopback. */
function hasIpv4(net: Net): boolean {
  return net.localAddrs().some((host) => !host.includes(":") && !host.startsWith("127."));
}

/** Opens name resolution for `config`. Throws ConfigError. */
export function openNaming(config: Config, parts: NamingParts): Naming {
  const { net, clock } = parts;
  const configured = parseHosts(config.host.join("\n"));
  const hosts: (() => Hosts)[] = config.host.length > 0 ? [() => configured] : [];
  const servers = waysToServers(config, parts);
  const dns = servers.length > 0
    ? new DnsResolver(new Servers(heardBy(servers, config, parts), clock), net, clock, { ear: parts.ear })
    : undefined;
  if (dns) hosts.push(watched(hostsFile, parseHosts, clock)); // otherwise the system resolver reads this file
  const own = parts.files && new SystemNames({ ...parts, files: parts.files });
  const resolver = new Names({ hosts, system: own ?? parts.system, ...(dns && { dns }) });
  // A host without IPv4 uses the prefixes that its routers announce, without configuration (RFC 9872 s3).
  const prefix = config.nat64 ?? (parts.announced && !hasIpv4(net) ? "announced" : undefined);
  const heard = typeof prefix === "string" ? parts.announced?.() : undefined;
  const isKnown = prefix !== undefined && (prefix !== "announced" || heard !== undefined);
  const nat64 = isKnown
    ? new Nat64({ net, clock, resolver, prefix, announced: heard && (() => heard.prefixes) })
    : undefined;
  const close = () => {
    heard?.close();
    dns?.close();
    own?.close();
  };
  return { resolver, nat64, servers, close };
}

function waysToServers({ dns }: Config, { net, clock, overTls, dnsCa: ca }: NamingParts): readonly Transport[] {
  return dns.map((server, place) =>
    overTls && (server.kind === "tls" || server.kind === "https")
      ? overTls(place)
      : transportTo(server, { net, clock, ca })
  );
}

function heardBy(servers: readonly Transport[], { dns }: Config, { ear }: NamingParts): readonly Transport[] {
  return ear ? servers.map((server, place) => heardTransport(server, dns[place]!.kind, ear)) : servers;
}
