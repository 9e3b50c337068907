import type { Address } from "../../protocol/address.ts";

export const upstreamPolicies = ["in-order", "round-robin", "lowest-latency"] as const;
export type UpstreamPolicy = (typeof upstreamPolicies)[number];

/** Several chains of gateways under a name that rules call. */
export interface Upstream {
  readonly name: string;
  readonly policy: UpstreamPolicy;
  /** URLs of each chain's gateways, nearest first. */
  readonly chains: readonly (readonly string[])[];
  /** What probes connect to through each chain; undefined: to its last gateway and no further. */
  readonly probe: Address | undefined;
}

/** Whether `via` is the name of an upstream, and no list of URLs. */
export function namedUpstream(via: readonly string[]): string | undefined {
  return via.length === 1 && !via[0]!.includes("://") ? via[0] : undefined;
}
