import type { Address } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { FamilyChoice } from "../rules/rule.ts";

/** The address type that a rule puts first. */
export function preferredType(family: FamilyChoice | undefined): AddressType | undefined {
  if (family === "prefer-ipv4") return AddressType.IPv4;
  return family === "prefer-ipv6" ? AddressType.IPv6 : undefined;
}

/** Alternates the families; the preferred one leads, else that of the first address. */
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
