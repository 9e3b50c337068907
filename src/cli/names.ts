import { readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/error.ts";
import { DnsResolver } from "../dns/dns_resolver.ts";
import { type Hosts, parseHosts, watchedHosts } from "../dns/hosts.ts";
import { Names } from "../dns/names.ts";
import type { Resolver } from "../dns/resolver.ts";
import { transportTo } from "../dns/server.ts";
import { Servers } from "../dns/servers.ts";
import { Nat64 } from "../gateway/nat64.ts";
import type { Clock } from "../net/clock.ts";
import type { Net } from "../net/socket.ts";

/** How names become addresses, and addresses ways. */
export interface Naming {
  readonly resolver: Resolver;
  readonly nat64: Nat64 | undefined;
  /** Ends what is held open towards DNS servers. */
  close(): void;
}

export interface NamingParts {
  readonly net: Net;
  readonly clock: Clock;
  /** Who is asked where no DNS server is configured, and for what only the system knows. */
  readonly system: Resolver;
}

/** As a configuration says. Throws ConfigError. */
export function openNaming(config: Config, parts: NamingParts): Naming {
  const { net, clock, system } = parts;
  const configured = parseHosts(config.host.join("\n"));
  const hosts: (() => Hosts)[] = config.host.length > 0 ? [() => configured] : [];
  const dns = dnsResolver(config, parts);
  if (dns) hosts.push(watchedHosts(readHosts, clock)); // which the system's resolver reads itself
  const resolver = new Names({ hosts, system, ...(dns && { dns }) });
  const nat64 = config.nat64 && new Nat64({ net, clock, resolver, prefix: config.nat64 });
  return { resolver, nat64, close: () => dns?.close() };
}

/** Whether the configured DNS servers are asked through our own sockets only, and not through the runtime's TLS. */
export function asksThroughNet({ dns }: Config): boolean {
  return dns.every(({ kind }) => kind === "udp" || kind === "tcp");
}

function dnsResolver({ dns, dnsCa }: Config, { net, clock }: NamingParts): DnsResolver | undefined {
  if (dns.length === 0) return undefined;
  const ca = dnsCa === undefined ? undefined : readCa(dnsCa);
  const transports = dns.map((server) => transportTo(server, { net, clock, ca }));
  return new DnsResolver(new Servers(transports, clock), net, clock);
}

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
