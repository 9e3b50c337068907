import type { WayOut } from "../way_out.ts";
import type { Address } from "../../protocol/address.ts";

/** Ways to choose among several chains. */
export const upstreamPolicies = ["in-order", "round-robin", "lowest-latency"] as const;
/** How one of several chains is chosen. */
export type UpstreamPolicy = (typeof upstreamPolicies)[number];

/** Several chains of gateways under a name that rules call. */
export interface Upstream {
  /** By which rules call it. */
  readonly name: string;
  /** How one of its chains is chosen. */
  readonly policy: UpstreamPolicy;
  /** URLs of each chain's gateways, nearest first. */
  readonly chains: readonly (readonly string[])[];
  /** What probes connect to through each chain; undefined: to its last gateway and no further. */
  readonly probe: Address | undefined;
  /** By what its first gateways are gone to. */
  readonly wayOut?: WayOut | undefined;
}

/** What an upstream may be called, so that it can be told from a URL. */
export const upstreamName = /^[\w.-]{1,64}$/;

/** The name of the upstream that `via` is, where it is no list of URLs. */
export function namedUpstream(via: readonly string[]): string | undefined {
  return via.length === 1 && upstreamName.test(via[0]!) ? via[0] : undefined;
}
