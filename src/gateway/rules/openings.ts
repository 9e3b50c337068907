import type { Rule } from "./rule.ts";
import { type IndexData, indexRules, type Question, RuleIndex } from "./rule_index.ts";
import type { RuleLists } from "./value_list.ts";

/** The rules that may still allow a request of which something is not known, as threads hand them to each other. */
export interface OpeningsData {
  readonly index: IndexData;
  /** Of each rule in the index the number that it has among all. */
  readonly numbers: readonly number[];
}

/**
 * The rules that may still allow a request of which something is not known, the addresses of its name or all of its
 * destination: those that ask for that, taken as if it fitted them.
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
    const key = JSON.stringify(relaxed); // of those that are alike now the first is enough
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

  /** The number of the first that may allow it, or Infinity. */
  firstNumber(question: Question): number {
    return this.#numbers[this.#index.firstNumber(question)] ?? Infinity;
  }
}
