import type { RulesView } from "../../admin/status.ts";
import { type PackedRules, ruleName } from "../../gateway/rules/packed_rules.ts";
import { RuleHits } from "../../gateway/rules/rule_hits.ts";

/** Maximum rules listed by name: of the used rules, and of the unused rules. */
const MAX_TOLD = 100;

/** Hits of rules since the configuration was read: most used first, then unused rules in their order. */
export function ruleViews({ names, index: { shapeOf }, hits: memory }: PackedRules): RulesView {
  const count = shapeOf.byteLength / 4;
  const hits = new RuleHits(memory);
  const used: number[] = [], unused: number[] = [];
  for (let number = 0; number < hits.size; number++) (hits.of(number) > 0 ? used : unused).push(number);
  used.sort((a, b) => hits.of(b) - hits.of(a) || a - b);
  const told = [...used.slice(0, MAX_TOLD), ...unused.slice(0, MAX_TOLD)];
  return {
    count,
    neverHit: unused.length,
    rules: told.map((number) => ({ rule: ruleName(names, count, number), hits: hits.of(number) })),
  };
}
