import type { Config } from "../../config/config.ts";
import type { Emit } from "../../events.ts";
import type { GatewayContext } from "../../gateway/gateway.ts";
import { Exits } from "../../gateway/dial/exits.ts";
import type { Counters } from "../../gateway/limits/counters.ts";
import type { Authenticator } from "../../gateway/entrance/methods.ts";
import type { PathMemory } from "../../gateway/dial/path_memory.ts";
import type { PackedRules } from "../../gateway/rules/packed_rules.ts";
import { Ruleset } from "../../gateway/rules/ruleset.ts";
import type { ProbeTurns } from "../../gateway/upstreams/probe_turns.ts";
import { Upstreams } from "../../gateway/upstreams/upstreams.ts";
import type { QuotaMeter } from "../../gateway/quotas/quota_meter.ts";
import type { Clock } from "../../net/clock.ts";
import { sessionCapacity } from "../../net/kernel/host/descriptor_reserve.ts";
import type { GssAcceptor, GssInitiator } from "../../net/gss/gss.ts";
import type { Net, SocketAddr } from "../../net/socket.ts";
import type { Tls } from "../../net/tls/tls.ts";
import { machineKey } from "./machine_key.ts";
import type { Naming } from "./naming.ts";

/** What differs between a gateway in the main thread and one in a worker. */
export interface Parts {
  readonly net: Net;
  readonly clock: Clock;
  /** The rules of the configuration. */
  readonly rules: PackedRules;
  readonly naming: Pick<Naming, "resolver" | "nat64">;
  readonly authenticator: Authenticator | undefined;
  readonly gssapi: GssAcceptor | undefined;
  /** Gets tickets for upstreams that require GSSAPI. */
  readonly gss: GssInitiator;
  readonly tls: Tls;
  /** Every listener of this program. */
  readonly ownListeners: () => readonly SocketAddr[];
  readonly emit: Emit;
  readonly counters?: Counters;
  readonly paths?: PathMemory;
  readonly quotas?: QuotaMeter;
  readonly probeTurns?: ProbeTurns;
}

/** The context of a gateway, built from a configuration. */
export function gatewayContext(config: Config, { ownListeners, naming, rules, ...parts }: Parts): GatewayContext {
  const { allow, family, default: otherwise, upstreams, gateway: settings } = config;
  const { probeInterval: intervalMs, probeTimeout: timeoutMs } = config;
  const { resolver, nat64 } = naming;
  const key = machineKey() ?? parts.paths?.secret ?? "";
  const own = { ownListeners, localAddrs: () => parts.net.localAddrs() };
  void nat64?.discover();
  return {
    ...parts,
    resolver,
    nat64,
    ruleset: new Ruleset({ ...own, rules, allow, family, otherwise, meant: nat64 && ((ipv6) => nat64.meant(ipv6)) }),
    upstreams: new Upstreams({
      ...own,
      ...parts,
      exits: new Exits({ settings, others: upstreams.some(({ wayOut }) => wayOut), key }).of(
        { client: { host: "" } },
        undefined,
      ),
      resolver,
      rules: rules.index.shapes,
      upstreams,
      probes: { intervalMs, timeoutMs },
    }),
    settings,
    exitKey: key,
    capacity: sessionCapacity(),
  };
}
