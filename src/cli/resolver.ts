import { readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/error.ts";
import { DnsResolver } from "../dns/dns_resolver.ts";
import { parseHosts, watchedHosts } from "../dns/hosts.ts";
import { Names } from "../dns/names.ts";
import type { Resolver } from "../dns/resolver.ts";
import { transportTo } from "../dns/server.ts";
import { Servers } from "../dns/servers.ts";
import { systemResolver } from "../dns/system.ts";
import { systemClock } from "../net/clock.ts";
import type { Net } from "../net/socket.ts";

/** The resolver that a configuration makes; `close` ends what its DNS servers hold open. */
export function resolverOf({ dns, dnsCa, host }: Config, net: Net): { readonly resolver: Resolver; close(): void } {
  const configured = parseHosts(host.join("\n"));
  const hosts = host.length > 0 ? [() => configured] : [];
  const system = systemResolver();
  if (dns.length === 0) return { resolver: new Names({ hosts, system }), close() {} };
  const ca = dnsCa === undefined ? undefined : readCa(dnsCa);
  const transports = dns.map((server) => transportTo(server, { net, clock: systemClock, ca }));
  const resolver = new DnsResolver(new Servers(transports, systemClock), net, systemClock);
  const fromFile = watchedHosts(readHosts, systemClock);
  return {
    resolver: new Names({ hosts: [...hosts, fromFile], system, dns: resolver }),
    close: () => resolver.close(),
  };
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
