import type { Config } from "../config/config.ts";
import type { Emit } from "../events.ts";
import { Gateway } from "../gateway/gateway.ts";
import type { Counters } from "../gateway/limits/counters.ts";
import type { Authenticator } from "../gateway/methods.ts";
import { Ruleset } from "../gateway/ruleset.ts";
import { Upstreams } from "../gateway/upstreams/upstreams.ts";
import type { Clock } from "../net/clock.ts";
import type { Net, SocketAddr } from "../net/socket.ts";
import type { Naming } from "./names.ts";

/** What differs between a gateway in the main thread and one in a worker. */
export interface Parts {
  readonly net: Net;
  readonly clock: Clock;
  readonly naming: Pick<Naming, "resolver" | "nat64">;
  readonly authenticator: Authenticator | undefined;
  /** Listeners of this program beside the gateway's own. */
  readonly otherListeners: () => readonly SocketAddr[];
  readonly emit: Emit;
  readonly nextId?: () => number;
  readonly counters?: Counters;
}

/** Puts a gateway together. It does not listen yet. */
export function composeGateway(config: Config, { otherListeners, nextId, naming, ...parts }: Parts): Gateway {
  const { rules, allow, family, upstreams, probeInterval: intervalMs, probeTimeout: timeoutMs } = config;
  const { resolver, nat64 } = naming;
  const own = {
    ownListeners: () => [...gateway.addrs, ...otherListeners()],
    localAddrs: () => parts.net.localAddrs(),
  };
  const gateway: Gateway = new Gateway({
    ...parts,
    resolver,
    nat64,
    ruleset: new Ruleset({ ...own, rules, allow, family, meant: nat64 && ((ipv6) => nat64.meant(ipv6)) }),
    upstreams: new Upstreams({
      ...own,
      ...parts,
      outgoing: config.gateway.outgoing,
      resolver,
      rules,
      upstreams,
      probes: { intervalMs, timeoutMs },
    }),
    settings: config.gateway,
  }, nextId);
  void nat64?.discover();
  return gateway;
}
