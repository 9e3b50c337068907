import type { WayOut } from "../way_out.ts";
import type { Address } from "../../protocol/address.ts";

/** Ways to choose among several chains. */
export const upstreamPolicies = ["in-order", "round-robin", "lowest-latency"] as const;
/** How one of several chains is chosen. */
export type UpstreamPolicy = (typeof upstreamPolicies)[number];

/** Several chains of gateways under a name that rules use. */
export interface Upstream {
  /** By which rules call it. */
  readonly name: string;
  /** How one of its chains is chosen. */
  readonly policy: UpstreamPolicy;
  /** URLs of each chain's gateways, nearest first. */
  readonly chains: readonly (readonly string[])[];
  /** Destination of probes through each chain; undefined for its last gateway. */
  readonly probe: Address | undefined;
  /** The source of connections to its first gateways. */
  readonly wayOut?: WayOut | undefined;
}

/** Valid names of upstreams, which cannot be confused with URLs. */
export const upstreamName = /^[\w.-]{1,64}$/;

/** The upstream's name in `via`, if it is not a list of URLs. */
export function namedUpstream(via: readonly string[]): string | undefined {
  return via.length === 1 && upstreamName.test(via[0]!) ? via[0] : undefined;
}
