import { readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/error.ts";
import { DnsResolver } from "../dns/dns_resolver.ts";
import { type Hosts, parseHosts, watchedHosts } from "../dns/hosts.ts";
import { Names } from "../dns/names.ts";
import type { Resolver } from "../dns/resolver.ts";
import { transportTo } from "../dns/server.ts";
import { Servers } from "../dns/servers.ts";
import { systemResolver } from "../dns/system.ts";
import { Nat64 } from "../gateway/nat64.ts";
import { systemClock } from "../net/clock.ts";
import type { Net } from "../net/socket.ts";

/** How names become addresses, and addresses ways. */
export interface Naming {
  readonly resolver: Resolver;
  readonly nat64: Nat64 | undefined;
  /** Ends what is held open towards DNS servers. */
  close(): void;
}

/** As a configuration says; the prefix of this network's NAT64 has been asked for. Rejects with ConfigError. */
export async function openNaming(config: Config, net: Net): Promise<Naming> {
  const configured = parseHosts(config.host.join("\n"));
  const hosts: (() => Hosts)[] = config.host.length > 0 ? [() => configured] : [];
  const system = systemResolver();
  const dns = dnsResolver(config, net);
  if (dns) hosts.push(watchedHosts(readHosts, systemClock)); // which the system's resolver reads itself
  const resolver = new Names({ hosts, system, ...(dns && { dns }) });
  const nat64 = config.nat64 && new Nat64({ net, clock: systemClock, resolver, prefix: config.nat64 });
  await nat64?.discover();
  return { resolver, nat64, close: () => dns?.close() };
}

function dnsResolver({ dns, dnsCa }: Config, net: Net): DnsResolver | undefined {
  if (dns.length === 0) return undefined;
  const ca = dnsCa === undefined ? undefined : readCa(dnsCa);
  const transports = dns.map((server) => transportTo(server, { net, clock: systemClock, ca }));
  return new DnsResolver(new Servers(transports, systemClock), net, systemClock);
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
