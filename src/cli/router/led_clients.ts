import type { Config } from "../../config/config.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { isRouted } from "../../gateway/settings.ts";
import { pause, systemClock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { installRules, OWN_MARK, removeRules } from "../../net/linux/router/router_rules.ts";
import { isUnspecified, parseIp } from "../../protocol/address.ts";
import { parsePrefix, type Prefix } from "../../protocol/ip/prefix.ts";
import { parseHop } from "../../sockslib/chain/hop.ts";
import { log } from "../log/log.ts";

/** Timeout of resolving the name of a gateway (ms). */
const GATEWAY_MS = 2_000;

/** Rules that lead clients here, for --install-rules. */
export class LedClients {
  readonly #libc: Libc;
  /** Parameters of the installed rules, as text. */
  #by: string | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Installs the rules for `config`, whose upstreams are `gateways` (URLs). Rejects with NetError. */
  async lead(config: Config, gateways: readonly string[], resolver: Resolver): Promise<void> {
    const { listen, fakeDns, fakeIpv4, fakeIpv6, gateway, mark: ownMark = OWN_MARK } = config;
    const routed = listen.find(({ addr, only }) => isRouted(only) && isUnspecified(addr.host));
    if (!config.installRules || !routed) return;
    const exempt = await hostsOf(gateways, resolver);
    const { addr: { port } } = routed,
      clients = gateway.from ?? [],
      fake = fakeDns.length > 0 ? [fakeIpv4, fakeIpv6] : [];
    const by = JSON.stringify([port, ...[fake, clients, exempt].map((prefixes) => prefixes.map(String))]);
    if (by === this.#by) return;
    try {
      installRules(this.#libc, { port, fake, clients, exempt, ownMark });
      this.#by = by;
    } catch (error) {
      throw told(error as NetError);
    }
    log.info("rules installed", { port });
  }

  leave(): void {
    if (this.#by === undefined) return;
    try {
      removeRules(this.#libc);
    } catch (error) {
      log.warning(`rules are left behind: ${(error as Error).message}`);
    }
  }
}

/** Addresses of gateways, without those whose names do not resolve in time. */
async function hostsOf(gateways: readonly string[], resolver: Resolver): Promise<readonly Prefix[]> {
  const hosts = new Set(gateways.map((url) => parseHop(url).address.host));
  const found = await Promise.all(Array.from(hosts, async (host) => {
    if (parseIp(host)) return [host];
    const late = pause(systemClock, GATEWAY_MS).then((): readonly string[] => []);
    return await Promise.race([resolver.resolve(host).catch(() => []), late]);
  }));
  return found.flat().flatMap((host) => parsePrefix(host) ?? []);
}

function told(error: NetError): NetError {
  const { kind, message } = error;
  const missing = /nf_tables.*(ENOENT|EOPNOTSUPP|EPROTONOSUPPORT|EAFNOSUPPORT)/.test(message);
  const why = kind === "permission-denied" ? "this user may not, it needs CAP_NET_ADMIN" : message;
  const hint = missing ? "; the kernel needs nft_tproxy and nft_fib (OpenWrt: kmod-nft-tproxy, kmod-nft-fib)" : "";
  return new NetError(kind, `Cannot use --install-rules: ${why}${hint}`, { cause: error });
}
