import type { NameFigures } from "../../admin/program_metrics.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { parseResolvConf } from "../../dns/system/resolv_conf.ts";
import { watched } from "../../dns/system/watched_file.ts";
import { isRouted } from "../../gateway/settings.ts";
import { systemClock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { mayBeTransparent } from "../../net/linux/router/router_rules.ts";
import type { Net, SocketAddr } from "../../net/socket.ts";
import { addressText, isUnspecified } from "../../protocol/address.ts";
import { systemFiles } from "../files/system_files.ts";
import { log } from "../log/log.ts";
import { FakeDns } from "./fake_dns.ts";
import { LedClients } from "./led_clients.ts";
import { NameAnswers } from "./name_answers.ts";
import { type NameTable, openNameTable } from "./name_table.ts";

/** Interval of attempts at a port that the predecessor still has (ms). */
const AGAIN_MS = 200;

interface Parts {
  readonly libc: Libc;
  /** Sockets of this thread. */
  readonly net: Net;
  readonly workers: number;
  readonly fault: (error: unknown) => void;
}

/** Parts of a router besides its listeners: the table of names, the fake DNS, and rules that lead clients here. */
export class Router {
  /** Undefined without fake DNS. */
  readonly table: NameTable | undefined;
  readonly #parts: Parts;
  readonly #answers: NameAnswers | undefined;
  readonly #clients: LedClients;
  /** True while the predecessor may still serve the fake DNS. */
  #succeeds: boolean;
  #open = new Map<string, FakeDns>();
  /** Installs the rules as configured. */
  #lead = () => Promise.resolve();
  #ended = false;

  /** Throws ConfigError. */
  constructor(config: Config, parts: Parts) {
    this.#parts = parts;
    this.#succeeds = config.takeOver !== undefined;
    this.table = config.fakeDns.length > 0 ? openNameTable(config, parts.workers) : undefined;
    this.#answers = this.table && new NameAnswers(this.table.names);
    this.#clients = new LedClients(parts.libc);
  }

  /** Undefined without fake DNS. */
  get figures(): NameFigures | undefined {
    if (!this.table) return undefined;
    const { size: names, max: maxNames } = this.table.names;
    return { names, maxNames, queries: this.#answers!.queries };
  }

  /**
   * Opens the fake DNS of `config`, whose upstreams are `gateways` (URLs), if it is not open; apply() does the rest. Rejects
   * with NetError and ConfigError.
   */
  async claim(
    config: Config,
    gateways: readonly string[],
  ): Promise<{ abandon(): void; apply(resolver: Resolver): void }> {
    if (config.fakeDns.length > 0 && !this.table) throw new ConfigError("Cannot change fake_dns: that needs a restart");
    refuseItself(config);
    const next = new Map<string, FakeDns>(), late: SocketAddr[] = [];
    const release = (unlike: ReadonlyMap<string, FakeDns>, all: ReadonlyMap<string, FakeDns>) => {
      for (const [key, dns] of all) if (unlike.get(key) !== dns) dns.close();
    };
    try {
      for (const addr of config.fakeDns.flat()) {
        const key = addressText(addr), known = this.#open.get(key) ?? next.get(key);
        const dns = known ?? await this.#serve(addr, this.#succeeds);
        if (dns) next.set(key, dns);
        else late.push(addr);
      }
    } catch (error) {
      release(this.#open, next);
      throw error;
    }
    return {
      abandon: () => release(this.#open, next),
      apply: (resolver) => {
        const former = this.#open, servers = () => this.#serversBeside(config);
        this.#open = next;
        release(next, former);
        this.#answers?.apply({ config, resolver, servers });
        this.#lead = () => this.#clients.lead(config, gateways, resolver);
        for (const [key, { addr }] of next) if (!former.has(key)) log.info(`fake DNS on ${addressText(addr)}`);
        for (const addr of late) this.#succeedSoon(addr, next);
        this.#warn(config);
      },
    };
  }

  /** Installs the rules. Rejects with NetError. */
  async lead(): Promise<void> {
    await this.#lead();
  }

  /** The same after a reload; a failure is only logged, because the reload is in effect already. */
  async leadAgain(): Promise<void> {
    try {
      await this.#lead();
    } catch (error) {
      log.error((error as Error).message);
    }
  }

  /** Closes the fake DNS. */
  hush(): void {
    this.#ended = true;
    for (const dns of this.#open.values()) dns.close();
    this.#open.clear();
  }

  /** Closes everything, and removes the rules unless `handedOver`: then another program uses them. */
  end(handedOver: boolean): void {
    this.hush();
    this.table?.close();
    if (!handedOver) this.#clients.leave();
  }

  /** Undefined if another program has the port and it `mayBeTaken`. Rejects with NetError. */
  async #serve(addr: SocketAddr, mayBeTaken: boolean): Promise<FakeDns | undefined> {
    const { net, fault } = this.#parts;
    try {
      return await FakeDns.open({ net, clock: systemClock, fault }, addr, this.#answers!);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      if (error.kind === "address-in-use" && mayBeTaken) return undefined;
      throw told(addr, error);
    }
  }

  /** Serves at `addr` once the predecessor has released it. */
  #succeedSoon(addr: SocketAddr, next: Map<string, FakeDns>): void {
    systemClock.after(AGAIN_MS, () => void this.#succeed(addr, next));
  }

  /** Never rejects. */
  async #succeed(addr: SocketAddr, next: Map<string, FakeDns>): Promise<void> {
    if (this.#ended || this.#open !== next) return;
    try {
      const dns = await this.#serve(addr, true);
      if (!dns) return this.#succeedSoon(addr, next);
      next.set(addressText(addr), dns);
      if (this.#succeeds) this.table!.names.reload(); // names that the predecessor has added meanwhile
      this.#succeeds = false;
      log.info(`fake DNS on ${addressText(addr)}`);
    } catch (error) {
      log.error((error as Error).message);
    }
  }

  /** Servers to which queries are forwarded, by UDP and TCP; never this server itself. */
  #serversBeside({ dns }: Pick<Config, "dns">): readonly SocketAddr[] {
    const configured = dns.flatMap((server) => "addr" in server && server.kind !== "tls" ? [server.addr] : []);
    return (dns.length > 0 ? configured : systemServers()).filter((addr) => !this.#isOwn(addr));
  }

  #isOwn({ host, port }: SocketAddr): boolean {
    return [...this.#open.values()].some(({ addr }) =>
      addr.port === port &&
      (addr.host === host || (isUnspecified(addr.host) && this.#parts.net.localAddrs().includes(host)))
    );
  }

  #warn({ dns, listen }: Config): void {
    if (dns.length === 0 && systemServers().some((addr) => this.#isOwn(addr))) {
      log.warning("this host asks --fake-dns for names, and it would ask itself: give --dns");
    }
    if (listen.some(({ only }) => isRouted(only)) && !mayBeTransparent(this.#parts.libc)) {
      log.warning("transparent:// takes no TPROXY, only REDIRECT and routes to this host: that needs CAP_NET_ADMIN");
    }
  }
}

const files = systemFiles();
const systemServers: () => readonly SocketAddr[] = files
  ? watched(files.resolvConf, (text) => parseResolvConf(text).servers ?? [], systemClock)
  : () => [];

/** Throws ConfigError if the fake DNS would ask itself. */
function refuseItself({ dns, fakeDns }: Config): void {
  const own = new Set(fakeDns.flat().map(addressText));
  const circular = dns.find((server) => "addr" in server && own.has(addressText(server.addr)));
  if (circular && "addr" in circular) {
    throw new ConfigError(`Cannot use --dns ${addressText(circular.addr)}: --fake-dns is there, and would ask itself`);
  }
}

function told(addr: SocketAddr, error: NetError): NetError {
  const state = error.kind === "address-in-use"
    ? "the port is taken, as by dnsmasq or systemd-resolved; stop that, or choose another"
    : error.message;
  return new NetError(error.kind, `Cannot serve --fake-dns on ${addressText(addr)}: ${state}`, { cause: error });
}
