import type { Config } from "../config/config.ts";
import type { Resolver } from "../dns/resolver.ts";
import type { Emit } from "../events.ts";
import { Gateway } from "../gateway/gateway.ts";
import type { Authenticator } from "../gateway/methods.ts";
import { Ruleset } from "../gateway/ruleset.ts";
import { Upstreams } from "../gateway/upstreams/upstreams.ts";
import type { Clock } from "../net/clock.ts";
import type { Net, SocketAddr } from "../net/socket.ts";

/** What differs between a gateway in the main thread and one in a worker. */
export interface Parts {
  readonly net: Net;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly authenticator: Authenticator | undefined;
  /** Listeners of this program beside the gateway's own. */
  readonly otherListeners: () => readonly SocketAddr[];
  readonly emit: Emit;
  readonly nextId?: () => number;
}

/** Puts a gateway together. It does not listen yet. */
export function composeGateway(config: Config, { otherListeners, nextId, ...parts }: Parts): Gateway {
  const { rules, allow, upstreams, probeInterval: intervalMs, probeTimeout: timeoutMs } = config;
  const own = {
    ownListeners: () => [...gateway.addrs, ...otherListeners()],
    localAddrs: () => parts.net.localAddrs(),
  };
  const gateway: Gateway = new Gateway({
    ...parts,
    ruleset: new Ruleset({ ...own, rules, allow }),
    upstreams: new Upstreams({ ...own, ...parts, rules, upstreams, probes: { intervalMs, timeoutMs } }),
    settings: config.gateway,
  }, nextId);
  return gateway;
}
