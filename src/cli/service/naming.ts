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

/** Has `emit` told how names fare. */
export function emittingEar(emit: Emit): Ear {
  return {
    asked: (asked) => emit({ type: "dns-asked", ...asked }),
    cached: (outcome) => emit({ type: "dns-cache", outcome }),
  };
}

/** How names become addresses, and addresses ways. */
export interface Naming {
  readonly resolver: Resolver;
  readonly nat64: Nat64 | undefined;
  /** The ways to the DNS servers, in their order. */
  readonly servers: readonly Transport[];
  /** Ends what is held open towards DNS servers. */
  close(): void;
}

export interface NamingParts {
  readonly net: Net;
  readonly clock: Clock;
  /** Who may vouch for DNS servers, in PEM. */
  readonly dnsCa?: string | undefined;
  /** Who is asked where no DNS server is configured, and for what only the system knows. */
  readonly system: Resolver;
  /** What the system is told about names; where they are, it is asked only for what they do not say. */
  readonly files?: SystemFiles | undefined;
  /** The way to the DNS server of that place in the configuration, where this thread cannot speak TLS. */
  readonly overTls?: (place: number) => Transport;
  /** Has the prefixes heard that routers announce for a NAT64; undefined where nobody can hear them. */
  readonly announced?: () => Announcements | undefined;
  /** Hears how the DNS servers fare. */
  readonly ear?: Ear;
}

/** What routers announce. */
export interface Announcements {
  readonly prefixes: readonly Prefix[];
  close(): void;
}

/** But for loopback. */
function hasIpv4(net: Net): boolean {
  return net.localAddrs().some((host) => !host.includes(":") && !host.startsWith("127."));
}

/** As a configuration says. Throws ConfigError. */
export function openNaming(config: Config, parts: NamingParts): Naming {
  const { net, clock } = parts;
  const configured = parseHosts(config.host.join("\n"));
  const hosts: (() => Hosts)[] = config.host.length > 0 ? [() => configured] : [];
  const servers = waysToServers(config, parts);
  const dns = servers.length > 0
    ? new DnsResolver(new Servers(heardBy(servers, config, parts), clock), net, clock, { ear: parts.ear })
    : undefined;
  if (dns) hosts.push(watched(hostsFile, parseHosts, clock)); // which else the system's names begin with
  const own = parts.files && new SystemNames({ ...parts, files: parts.files });
  const resolver = new Names({ hosts, system: own ?? parts.system, ...(dns && { dns }) });
  // A host without IPv4 goes by what its routers announce, though nobody says so (RFC 9872 s3).
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
