import { type Address, ipAddress } from "../protocol/address.ts";
import { AddressType } from "../protocol/codes.ts";
import type { FamilyChoice, Verdict } from "./rules/rule.ts";
import type { Judge } from "./ruleset.ts";

/** An address that a destination has, and what the ruleset says of it. */
export interface Candidate {
  readonly address: Address;
  readonly verdict: Verdict;
}

/**
 * What `hosts`, the addresses of `destination`, come to: those that may be dialled, in the order to try them, then those
 * that may not. The families take turns (RFC 8305 s4), beginning with the one that the first's rule prefers.
 */
export function candidates(judge: Judge, destination: Address, hosts: readonly string[]): readonly Candidate[] {
  const name = destination.type === AddressType.DomainName ? destination.host : undefined;
  const open: Candidate[] = [], refused: Candidate[] = [];
  for (const host of hosts) {
    const address = ipAddress(host, destination.port)!;
    const verdict = judge.address(address, name);
    (verdict.allowed ? open : refused).push({ address, verdict });
  }
  return [...alternating(open, open[0]?.verdict.family), ...refused];
}

/** The families take turns; the one that is preferred leads, else that of the first address. */
function alternating(open: readonly Candidate[], family: FamilyChoice | undefined): readonly Candidate[] {
  if (open.length < 2) return open;
  const preferred = { "prefer-ipv4": AddressType.IPv4, "prefer-ipv6": AddressType.IPv6 }[family as string];
  const lead = preferred ?? open[0]!.address.type;
  const first = open.filter(({ address }) => address.type === lead);
  const second = open.filter(({ address }) => address.type !== lead);
  return first.flatMap((one, i) => i < second.length ? [one, second[i]!] : [one]).concat(second.slice(first.length));
}
