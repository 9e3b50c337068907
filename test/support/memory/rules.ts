import { parseNamePattern } from "../../../src/gateway/rules/name_pattern.ts";
import { type PackedRules, packRules } from "../../../src/gateway/rules/packed_rules.ts";
import type { Rule } from "../../../src/gateway/rules/rule.ts";
import { ListBuilder, type ValueList } from "../../../src/gateway/rules/value_list.ts";
import { parsePrefix } from "../../../src/protocol/ip/prefix.ts";

/** A rule as a person writes it, but for its name. */
export interface PlainRule
  extends Pick<Rule, "listeners" | "users" | "commands" | "relay" | "family" | "via" | "budget" | "wayOut"> {
  readonly action: Rule["action"];
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly names?: readonly string[];
  readonly ports?: readonly (readonly [first: number, last: number])[];
  /** Whether each but the first of `to` and `names` is in a file. */
  readonly listed?: boolean;
}

export function rulesOf(plain: readonly PlainRule[]): readonly Rule[] {
  return plain.map(({ from, to, names, ports, listed: _, ...rest }, i) => ({
    ...rest,
    name: `rules[${i}]`,
    ...(from && { from: from.map((text) => parsePrefix(text)!) }),
    ...(to && { to: to.map((text) => parsePrefix(text)!) }),
    ...(names && { names: names.map((text) => parseNamePattern(text)!) }),
    ...(ports && { ports: ports.map(([first, last]) => ({ first, last })) }),
  }));
}

/** As they are asked, with what is to be in files. */
export function packedRulesOf(plain: readonly PlainRule[]): PackedRules {
  const lists = { names: new Map<string, ValueList>(), to: new Map<string, ValueList>() };
  const rules = rulesOf(plain).map((rule, i): Rule => {
    if (!plain[i]!.listed) return rule;
    const { names: [name, ...names] = [], to: [prefix, ...to] = [], ...rest } = rule;
    const file = rule.name;
    const namesList = new ListBuilder(), toList = new ListBuilder();
    for (const one of names) namesList.addName(one);
    for (const one of to) toList.addPrefix(one);
    lists.names.set(file, namesList.list());
    lists.to.set(file, toList.list());
    return {
      ...rest,
      ...(name && { names: [name], namesFiles: [file] }),
      ...(prefix && { to: [prefix], toFiles: [file] }),
    };
  });
  return packRules(rules, lists);
}
