import { readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/error.ts";
import { DnsResolver } from "../dns/dns_resolver.ts";
import { parseHosts, watchedHosts } from "../dns/hosts.ts";
import { Names } from "../dns/names.ts";
import type { Resolver } from "../dns/resolver.ts";
import { transportTo } from "../dns/server.ts";
import { Servers } from "../dns/servers.ts";
import type { Clock } from "../net/clock.ts";
import type { Net } from "../net/socket.ts";

export interface ResolverParts {
  readonly net: Net;
  readonly clock: Clock;
  /** Who is asked where no DNS server is configured, and for what only the system knows. */
  readonly system: Resolver;
}

/** The resolver that a configuration makes; `close` ends what its DNS servers hold open. */
export function resolverOf(
  { dns, dnsCa, host }: Config,
  { net, clock, system }: ResolverParts,
): { readonly resolver: Resolver; close(): void } {
  const configured = parseHosts(host.join("\n"));
  const hosts = host.length > 0 ? [() => configured] : [];
  if (dns.length === 0) return { resolver: new Names({ hosts, system }), close() {} };
  const ca = dnsCa === undefined ? undefined : readCa(dnsCa);
  const transports = dns.map((server) => transportTo(server, { net, clock, ca }));
  const resolver = new DnsResolver(new Servers(transports, clock), net, clock);
  const fromFile = watchedHosts(readHosts, clock);
  return {
    resolver: new Names({ hosts: [...hosts, fromFile], system, dns: resolver }),
    close: () => resolver.close(),
  };
}

/** Whether the configured DNS servers are asked through our own sockets only, and not through the runtime's TLS. */
export function asksThroughNet({ dns }: Config): boolean {
  return dns.every(({ kind }) => kind === "udp" || kind === "tcp");
}

/** Throws ConfigError. */
function readCa(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`Cannot read ${path}: ${(error as { code?: string }).code}`);
  }
}

function readHosts(): string {
  try {
    return readFileSync("/etc/hosts", "utf8");
  } catch {
    return ""; // there need not be one
  }
}
