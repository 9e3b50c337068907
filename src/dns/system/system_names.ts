import { foldName } from "../../protocol/address.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Net } from "../../net/socket.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { few, ordered } from "../address_order.ts";
import { isAskable } from "../servers/answer.ts";
import { type Ear, heardTransport } from "../asked.ts";
import { DnsResolver } from "../dns_resolver.ts";
import { type Hosts, parseHosts } from "../hosts.ts";
import { type NameServices, parseNameServices } from "./name_services.ts";
import { isIn, loopback } from "../names.ts";
import { parseResolvConf, type ResolvConf } from "./resolv_conf.ts";
import type { Found, Resolver } from "../resolver.ts";
import { transportTo } from "../servers/server.ts";
import { Servers, usualServersManner } from "../servers/servers.ts";
import { usualManner } from "../servers/udp.ts";
import { watched, type WatchedFile } from "./watched_file.ts";

/** A Linux system's configuration of names. */
export interface SystemFiles {
  /** /etc/resolv.conf, with the environment's additions. */
  readonly resolvConf: WatchedFile;
  /** /etc/nsswitch.conf. */
  readonly nameServices: WatchedFile;
  /** /etc/gai.conf. */
  readonly addressOrder: WatchedFile;
  /** /etc/hosts. */
  readonly hosts: WatchedFile;
  hostname(): string;
}

export interface SystemNamesOptions {
  readonly files: SystemFiles;
  /** getaddrinfo, for names that only the system resolves. */
  readonly system: Resolver;
  readonly net: Net;
  readonly clock: Clock;
  readonly ear?: Ear | undefined;
}

/** How to resolve names by the current files. */
interface Way {
  readonly conf: ResolvConf;
  readonly services: NameServices;
  readonly dns: DnsResolver;
  /** This machine's name, and the search domains: by default, the machine's own domain. */
  readonly hostname: string;
  readonly search: readonly string[];
}

/** Addresses of systemd-resolved's DNS server. */
const stubs: readonly string[] = ["127.0.0.53", "127.0.0.54"];

/** Maximum time of a question to the servers of resolv.conf (ms), whatever the file says. */
const MAX_TOTAL_MS = 30_000;

/**
 * Names as the system would resolve them, from its files and the DNS servers that they name, in fair turns; getaddrinfo has
 * none, and a few unanswered names hold all of its threads. It is used only for other services of nsswitch.conf.
 */
export class SystemNames implements Resolver {
  readonly #options: SystemNamesOptions;
  readonly #resolvConf: () => ResolvConf;
  readonly #nameServices: () => NameServices | undefined;
  readonly #ordersItself: () => boolean;
  readonly #hosts: () => Hosts;
  #way: Way | undefined;

  constructor(options: SystemNamesOptions) {
    this.#options = options;
    const { files, clock } = options;
    this.#resolvConf = watched(files.resolvConf, parseResolvConf, clock);
    this.#nameServices = watched(files.nameServices, parseNameServices, clock);
    this.#ordersItself = watched(
      files.addressOrder,
      (text) => /^[ \t]*(?:label|precedence|scopev4)\b/m.test(text),
      clock,
    );
    this.#hosts = watched(files.hosts, parseHosts, clock);
  }

  resolve(name: string, cut?: Cut, asker?: Asker): Promise<readonly string[]> {
    return this.#find(name, (resolver, name) => resolver.resolve(name, cut, asker), (hosts) => hosts);
  }

  first(name: string, cut?: Cut, asker?: Asker): Promise<Found> {
    return this.#find(name, (resolver, name) => resolver.first(name, cut, asker), (hosts) => ({ hosts }));
  }

  async reverse(address: string, cut?: Cut, asker?: Asker): Promise<string> {
    const way = this.#current();
    if (!way) return await this.#options.system.reverse(address, cut, asker);
    return this.#hosts().names.get(address) ?? await way.dns.reverse(address, cut, asker);
  }

  close(): void {
    this.#way?.dns.close();
    this.#way = undefined;
  }

  /** The result of `ask` with the source that knows the name, or `known`, the result found here. */
  async #find<T>(
    name: string,
    ask: (resolver: Resolver, name: string) => Promise<T>,
    known: (hosts: readonly string[]) => T,
  ): Promise<T> {
    const { system, net, clock } = this.#options;
    const way = this.#current();
    const key = foldName(name);
    if (!way) return await ask(system, name);
    const hosts = this.#hosts().addresses.get(key);
    if (hosts) return known(await ordered(net, few(hosts)));
    if (key === "localhost") return known(loopback);
    if (this.#isOfSystem(key, way)) return await ask(system, name);
    let failure: unknown;
    const giveUpAt = clock.now() + usualServersManner.totalMs;
    for (const candidate of candidates(key, name.endsWith("."), way.conf.ndots, way.search)) {
      try {
        return await ask(way.dns, candidate);
      } catch (error) {
        const kind = error instanceof NetError ? error.kind : undefined;
        if (kind !== "no-such-name" && kind !== "name-lookup-failed") throw error;
        if (kind === "name-lookup-failed") failure ??= error;
        if (clock.now() >= giveUpAt) break; // the servers are silent, and would be silent again
      }
    }
    throw failure ?? new NetError("no-such-name", `Cannot resolve '${name}': no such name`);
  }

  #isOfSystem(key: string, { services: { multicast, machines }, hostname }: Way): boolean {
    if (multicast && isIn(key, "local")) return true;
    return machines && (!key.includes(".") || key === hostname);
  }

  /** By the current files; undefined if only the system can resolve names correctly. */
  #current(): Way | undefined {
    const conf = this.#resolvConf(), services = this.#nameServices();
    if (!services || this.#ordersItself() || !conf.servers || conf.servers.length === 0) return undefined;
    if (services.resolved && !conf.servers.every(({ host }) => stubs.includes(host))) return undefined;
    if (this.#way?.conf !== conf || this.#way.services !== services) {
      const hostname = foldName(this.#options.files.hostname());
      const [, domain] = /^[^.]+\.(.+)$/.exec(hostname) ?? [];
      const search = conf.search.length > 0 || domain === undefined ? conf.search : [domain];
      this.#way = { conf, services, dns: this.#dns(conf), hostname, search }; // pending questions of the former one end by themselves
    }
    return this.#way;
  }

  #dns(conf: ResolvConf): DnsResolver {
    const { net, clock, ear } = this.#options;
    const { servers = [], timeoutMs, attempts, rotate, edns, byTcp, noIpv6 } = conf;
    const { headStartMs, totalMs } = usualServersManner;
    const againMs = timeoutMs ?? headStartMs, times = attempts ?? usualManner.times;
    const isSaid = timeoutMs !== undefined || attempts !== undefined;
    const kind = byTcp ? "tcp" : "udp";
    const transports = servers.map((addr) => {
      const transport = transportTo({ kind, addr }, { net, clock, manner: { againMs, times, edns } });
      return ear ? heardTransport(transport, kind, ear) : transport;
    });
    const manner = {
      headStartMs: againMs,
      totalMs: isSaid ? Math.min(MAX_TOTAL_MS, againMs * times * servers.length) : totalMs,
      first: rotate ? "rotating" : "listed",
    } as const;
    return new DnsResolver(new Servers(transports, clock, manner), net, clock, { ear, noIpv6 });
  }
}

/** The full names that `name` may mean, in the order to ask for them (resolv.conf(5), search and ndots). */
function candidates(name: string, isWhole: boolean, ndots: number, search: readonly string[]): readonly string[] {
  if (isWhole) return [name];
  const searched = search.map((domain) => `${name}.${domain}`).filter(isAskable);
  const dots = name.split(".").length - 1;
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}
