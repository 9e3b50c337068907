import type { RulesView } from "../../admin/status.ts";
import { type PackedRules, ruleName } from "../../gateway/rules/packed_rules.ts";
import { RuleHits } from "../../gateway/rules/rule_hits.ts";

/** Rules that are told by name: of those that decided, and of those that never did. */
const MAX_TOLD = 100;

/** How often rules decided since the configuration was read: those that did the most first, then those that never did in their order. */
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
