import type { Rule } from "./rule.ts";
import { type IndexData, indexRules, type Question, RuleIndex } from "./rule_index.ts";
import type { RuleLists } from "./value_list.ts";

/** The rules that may still allow a partly known request, as data that threads exchange. */
export interface OpeningsData {
  readonly index: IndexData;
  /** The number of each rule of the index among all rules. */
  readonly numbers: readonly number[];
}

/**
 * The rules that may still allow a request whose addresses, or whose whole destination, are unknown: rules with matchers for
 * the unknown part count as matching.
 */
export function indexOpenings(
  rules: readonly Rule[],
  unknown: "addresses" | "destination",
  lists?: RuleLists,
): OpeningsData {
  const firsts = new Map<string, { readonly rule: Rule; readonly number: number }>();
  rules.forEach((rule, number) => {
    const { action, listeners, from, users, commands, to, toFiles, relay, names, namesFiles, ports } = rule;
    const asksFor = to ?? toFiles ?? relay ?? (unknown === "destination" ? names ?? namesFiles ?? ports : undefined);
    if (action === "deny" || !asksFor) return;
    const relaxed = { listeners, from, users, commands, ...(unknown === "addresses" && { names, namesFiles, ports }) };
    const key = JSON.stringify(relaxed); // of rules that have become equal, the first is enough
    if (!firsts.has(key)) firsts.set(key, { rule: { name: rule.name, action: "allow", ...relaxed }, number });
  });
  const found = [...firsts.values()];
  return { index: indexRules(found.map(({ rule }) => rule), lists), numbers: found.map(({ number }) => number) };
}

export class Openings {
  readonly #index: RuleIndex;
  readonly #numbers: readonly number[];

  constructor({ index, numbers }: OpeningsData) {
    this.#index = new RuleIndex(index);
    this.#numbers = numbers;
  }

  /** The number of the first rule that may allow it, or Infinity. */
  firstNumber(question: Question): number {
    return this.#numbers[this.#index.firstNumber(question)] ?? Infinity;
  }
}
