import { parseNamePattern } from "../../../src/gateway/rules/name_pattern.ts";
import type { Rule } from "../../../src/gateway/rules/rule.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";

/** A rule as a person writes it, but for its name. */
export interface PlainRule extends Pick<Rule, "users" | "commands" | "relay" | "family" | "via" | "wayOut"> {
  readonly action: Rule["action"];
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly names?: readonly string[];
  readonly ports?: readonly (readonly [first: number, last: number])[];
}

export function rulesOf(plain: readonly PlainRule[]): readonly Rule[] {
  return plain.map(({ from, to, names, ports, ...rest }, i) => ({
    ...rest,
    name: `rules[${i}]`,
    ...(from && { from: from.map((text) => parsePrefix(text)!) }),
    ...(to && { to: to.map((text) => parsePrefix(text)!) }),
    ...(names && { names: names.map((text) => parseNamePattern(text)!) }),
    ...(ports && { ports: ports.map(([first, last]) => ({ first, last })) }),
  }));
}
