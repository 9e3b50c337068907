import { readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
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
export function resolverOf({ dns, host }: Config, net: Net): { readonly resolver: Resolver; close(): void } {
  const configured = parseHosts(host.join("\n"));
  const hosts = host.length > 0 ? [() => configured] : [];
  const system = systemResolver();
  if (dns.length === 0) return { resolver: new Names({ hosts, system }), close() {} };
  const transports = dns.map((server) => transportTo(server, { net, clock: systemClock }));
  const resolver = new DnsResolver(new Servers(transports, systemClock), net, systemClock);
  const fromFile = watchedHosts(readHosts, systemClock);
  return {
    resolver: new Names({ hosts: [...hosts, fromFile], system, dns: resolver }),
    close: () => resolver.close(),
  };
}

function readHosts(): string {
  try {
    return readFileSync("/etc/hosts", "utf8");
  } catch {
    return ""; // there need not be one
  }
}
