import { type Address, ipAddress } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { FamilyChoice, Verdict } from "../rules/rule.ts";
import type { Judge } from "../rules/ruleset.ts";

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
  const preferred = preferredType(open[0]?.verdict.family);
  return [...alternating(open, preferred, ({ address }) => address.type), ...refused];
}

/** The address type that leads by a rule's choice. */
export function preferredType(family: FamilyChoice | undefined): AddressType | undefined {
  if (family === "prefer-ipv4") return AddressType.IPv4;
  return family === "prefer-ipv6" ? AddressType.IPv6 : undefined;
}

/** The families take turns; the one that is preferred leads, else that of the first. */
export function alternating<T extends Address>(all: readonly T[], preferred?: AddressType): readonly T[];
export function alternating<T>(
  all: readonly T[],
  preferred: AddressType | undefined,
  typeOf: (one: T) => AddressType,
): readonly T[];
export function alternating<T>(
  all: readonly T[],
  preferred?: AddressType,
  typeOf: (one: T) => AddressType = (one) => (one as Address).type,
): readonly T[] {
  if (all.length < 2) return all;
  const lead = preferred ?? typeOf(all[0]!);
  const first = all.filter((one) => typeOf(one) === lead);
  const second = all.filter((one) => typeOf(one) !== lead);
  return first.flatMap((one, i) => i < second.length ? [one, second[i]!] : [one]).concat(second.slice(first.length));
}
