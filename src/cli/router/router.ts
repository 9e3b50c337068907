import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { Answering } from "../../dns/mapped/mapped_answer.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { parseResolvConf } from "../../dns/system/resolv_conf.ts";
import { watched } from "../../dns/system/watched_file.ts";
import { isRouted } from "../../gateway/settings.ts";
import { systemClock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { installRules, OWN_MARK, removeRules } from "../../net/linux/router/router_rules.ts";
import type { Net, SocketAddr } from "../../net/socket.ts";
import { addressText, isUnspecified } from "../../protocol/address.ts";
import type { FakePair } from "../../sockslib/fake/fake_addresses.ts";
import { reverseAddress } from "../../sockslib/fake/reverse_name.ts";
import { systemFiles } from "../files/system_files.ts";
import { log } from "../log/log.ts";
import { type DnsManner, FakeDns } from "./fake_dns.ts";
import { type NameTable, openNameTable } from "./name_table.ts";

/** How long a fake address may be kept by who asked (s): much less than the table keeps one that nobody uses. */
const TTL_S = 60;

/** A port that the predecessor has yet is tried again after so long (ms). */
const AGAIN_MS = 200;

const PTR = 12;

/** Reserved: no DNS knows them (RFC 6762 s3, RFC 6761 s6.4, RFC 7686 s2). */
const noNames = /(^|\.)(local|invalid|onion)$/;

/** Whether a program by that configuration has fake addresses. */
export function hasFakeNames({ fakeDns }: Pick<Config, "fakeDns">): boolean {
  return fakeDns.length > 0;
}

interface Parts {
  readonly libc: Libc;
  /** Of this thread. */
  readonly net: Net;
  readonly workers: number;
  readonly fault: (error: unknown) => void;
}

/** What a router has beside its listeners: the table of names, the DNS that tells them, and rules that lead clients here. */
export class Router {
  readonly table: NameTable | undefined;
  readonly #parts: Parts;
  #open = new Map<string, FakeDns>();
  #config: Config;
  #resolver: Resolver | undefined;
  readonly #resolvConf = systemServers();
  #takesOver: boolean;
  #ended = false;
  /** Whether the journal took the last name: once is said that it does not. */
  #keeps = true;

  /** Throws ConfigError. */
  constructor(config: Config, parts: Parts) {
    this.#config = config;
    this.#parts = parts;
    this.#takesOver = config.takeOver !== undefined;
    this.table = hasFakeNames(config) ? openNameTable(config, parts.workers) : undefined;
  }

  /** Opens what `config` wants and is not open yet; the rest is for apply(). Rejects with NetError and ConfigError. */
  async claim(config: Config): Promise<{ abandon(): void; apply(resolver: Resolver): void }> {
    if (hasFakeNames(config) && !this.table) throw new ConfigError("Cannot change fake_dns: that needs a restart");
    refuseItself(config);
    const next = new Map<string, FakeDns>(), late: SocketAddr[] = [];
    const release = (unlike: ReadonlyMap<string, FakeDns>, all: ReadonlyMap<string, FakeDns>) => {
      for (const [key, dns] of all) if (unlike.get(key) !== dns) dns.close();
    };
    try {
      for (const addr of config.fakeDns.flat()) {
        const key = addressText(addr), known = this.#open.get(key) ?? next.get(key);
        const dns = known ?? await this.#serve(addr);
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
        const former = this.#open;
        this.#open = next;
        release(next, former);
        this.#config = config;
        this.#resolver = resolver;
        for (const [key, { addr }] of next) if (!former.has(key)) log.info(`fake DNS on ${addressText(addr)}`);
        for (const addr of late) this.#succeedSoon(addr, next);
        if (config.dns.length === 0 && this.#resolvConf().some((addr) => this.#isOwn(addr))) {
          log.warning("this host asks --fake-dns for names, and it would ask itself: give --dns");
        }
      },
    };
  }

  /** The same after a reload, which holds already. */
  leadAgain(): void {
    try {
      this.lead();
    } catch (error) {
      log.error((error as Error).message);
    }
  }

  /** Has clients led here. Throws NetError. */
  lead(): void {
    const { installRules: wanted, listen, fakeIpv4, fakeIpv6, gateway } = this.#config;
    const routed = listen.find(({ addr, only }) => isRouted(only) && isUnspecified(addr.host));
    if (!wanted || !routed) return;
    try {
      installRules(this.#parts.libc, {
        port: routed.addr.port,
        fake: this.table ? [fakeIpv4, fakeIpv6] : [],
        clients: gateway.from ?? [],
        ownMark: this.#config.mark ?? OWN_MARK,
      });
    } catch (error) {
      const { kind, message } = error as NetError;
      const why = kind === "permission-denied" ? "this user may not, it needs CAP_NET_ADMIN" : message;
      throw new NetError(kind, `Cannot use --install-rules: ${why}`, { cause: error });
    }
    log.info("rules installed", { port: routed.addr.port });
  }

  /** Tells no more names. */
  hush(): void {
    this.#ended = true;
    for (const dns of this.#open.values()) dns.close();
    this.#open.clear();
  }

  /** Nobody needs it any more; `handedOver` where another program has its rules by now. */
  end(handedOver: boolean): void {
    this.hush();
    this.table?.close();
    if (!this.#config.installRules || handedOver) return;
    try {
      removeRules(this.#parts.libc);
    } catch (error) {
      log.warning(`rules are left behind: ${(error as Error).message}`);
    }
  }

  /** Undefined where that follows once the predecessor is gone. Rejects with NetError. */
  async #serve(addr: SocketAddr): Promise<FakeDns | undefined> {
    const { net, fault } = this.#parts;
    try {
      return await FakeDns.open({ net, clock: systemClock, fault }, addr, this.#manner());
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      if (error.kind !== "address-in-use" || !this.#takesOver) throw told(addr, error);
      return undefined;
    }
  }

  /** Serves there once the predecessor does not any more. */
  #succeedSoon(addr: SocketAddr, next: Map<string, FakeDns>): void {
    systemClock.after(AGAIN_MS, () => void this.#succeed(addr, next));
  }

  /** Never rejects. */
  async #succeed(addr: SocketAddr, next: Map<string, FakeDns>): Promise<void> {
    if (this.#ended || this.#open !== next) return;
    try {
      const dns = await this.#serve(addr);
      if (!dns) return this.#succeedSoon(addr, next);
      next.set(addressText(addr), dns);
      if (this.#takesOver) this.table!.names.reload(); // what the predecessor has given meanwhile
      this.#takesOver = false;
      log.info(`fake DNS on ${addressText(addr)}`);
    } catch (error) {
      log.error((error as Error).message);
    }
  }

  #manner(): DnsManner {
    const { names } = this.table!;
    return {
      answering: (client): Answering => ({
        names: { fake: (name) => this.#fake(name, client), pointer: (name) => names.pointer(name) },
        ttlS: TTL_S,
        exists: (name) => this.#exists(name, client),
      }),
      serversFor: (name, type) => {
        const { fakeDnsExclude } = this.#config;
        const excluded = fakeDnsExclude.some(({ name: of, itself, below }) =>
          (itself && name === of) || (below && (of === "" || name.endsWith(`.${of}`)))
        );
        const address = type === PTR ? reverseAddress(name) : undefined;
        return excluded || (address !== undefined && !names.covers(address)) ? this.#servers() : undefined;
      },
    };
  }

  /** Throws NetError, also where it cannot be kept. */
  #fake(name: string, client: string): FakePair | undefined {
    try {
      const pair = this.table!.names.fake(name, isHere(client) ? undefined : client);
      this.#keeps = true;
      return pair;
    } catch (error) {
      if (error instanceof NetError) throw error;
      const { code, message } = error as { readonly code?: string; readonly message: string };
      const told = new NetError("other", `Cannot keep the fake address of a name: ${code ?? message}`, {
        cause: error,
      });
      if (this.#keeps) log.error(told.message, { file: this.#config.fakeJournal });
      this.#keeps = false;
      throw told;
    }
  }

  /** Rejects with NetError where it cannot be found out. */
  async #exists(name: string, client: string): Promise<boolean> {
    if (noNames.test(name)) return false;
    if (!this.#config.fakeDnsCheck || !this.#resolver) return true;
    try {
      await this.#resolver.first(name, undefined, { client });
      return true;
    } catch (error) {
      if (error instanceof NetError && error.kind === "no-such-name") return false;
      throw error;
    }
  }

  /** Those that speak for themselves, by UDP and TCP; nobody asks this one through itself. */
  #servers(): readonly SocketAddr[] {
    const { dns } = this.#config;
    const configured = dns.flatMap((server) => "addr" in server && server.kind !== "tls" ? [server.addr] : []);
    const all = dns.length > 0 ? configured : this.#resolvConf();
    return all.filter((addr) => !this.#isOwn(addr));
  }

  #isOwn({ host, port }: SocketAddr): boolean {
    return [...this.#open.values()].some(({ addr }) =>
      addr.port === port &&
      (addr.host === host || (isUnspecified(addr.host) && this.#parts.net.localAddrs().includes(host)))
    );
  }
}

/** Who asks from here asks for others, as dnsmasq does: no share is theirs alone. */
function isHere(client: string): boolean {
  return client === "::/64" || client.startsWith("127.");
}

function systemServers(): () => readonly SocketAddr[] {
  const files = systemFiles();
  return files ? watched(files.resolvConf, (text) => parseResolvConf(text).servers ?? [], systemClock) : () => [];
}

/** Throws ConfigError where the names that it tells would be asked of itself. */
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
