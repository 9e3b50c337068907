import { indexOpenings, type OpeningsData } from "./openings.ts";
import type { Rule } from "./rule.ts";
import { hitsMemory } from "./rule_hits.ts";
import { type IndexData, indexRules } from "./rule_index.ts";
import type { RuleLists } from "./value_list.ts";

/**
 * Compiled rules: their large parts are in memory that threads share, so that one thread makes them for all.
 * @internal
 */
export interface PackedRules {
  readonly index: IndexData;
  readonly byAddress: OpeningsData;
  readonly byDestination: OpeningsData;
  /** The end of each rule's name (Uint32), then all names (UTF-16). */
  readonly names: SharedArrayBuffer;
  /** How often each decided. */
  readonly hits: SharedArrayBuffer;
}

/** `lists` are those of the files that the rules name. */
export function packRules(rules: readonly Rule[], lists?: RuleLists): PackedRules {
  return {
    index: indexRules(rules, lists),
    byAddress: indexOpenings(rules, "addresses", lists),
    byDestination: indexOpenings(rules, "destination", lists),
    names: packNames(rules),
    hits: hitsMemory(rules.length),
  };
}

/** Approximate memory (octets). */
export function packedSize({ index }: PackedRules): number {
  const lists = new Set(index.shapes.flatMap(({ lists: { names = [], to = [] } }) => [...names, ...to]));
  return Array.from(lists).reduce((size, { values }) => size + values.byteLength, index.table.byteLength);
}

/** The name of the rule of that number among `count`. */
export function ruleName(names: SharedArrayBuffer, count: number, number: number): string {
  const ends = new Uint32Array(names, 0, count), first = number === 0 ? 0 : ends[number - 1]!;
  return String.fromCharCode(...new Uint16Array(names, 4 * count + 2 * first, ends[number]! - first));
}

function packNames(rules: readonly Rule[]): SharedArrayBuffer {
  const units = rules.reduce((sum, { name }) => sum + name.length, 0);
  const names = new SharedArrayBuffer(4 * rules.length + 2 * units);
  const ends = new Uint32Array(names, 0, rules.length), text = new Uint16Array(names, 4 * rules.length);
  let at = 0;
  rules.forEach(({ name }, number) => {
    for (let i = 0; i < name.length; i++) text[at++] = name.charCodeAt(i);
    ends[number] = at;
  });
  return names;
}
