import type { RelayType } from "../../events.ts";
import type { Prefix } from "../../protocol/prefix.ts";
import { PrefixMap } from "../../protocol/prefix_map.ts";
import { NameMap } from "./name_map.ts";
import type { NamePattern } from "./name_pattern.ts";
import type { Asker, Rule } from "./rule.ts";

/** Who asks, with the octets of the client's address. */
export interface Party extends Asker {
  readonly octets: Uint8Array | undefined;
}

/** What is judged: who asks for which name, if any, and an address that it has. */
export interface Question {
  readonly party: Party;
  /** Folded. */
  readonly name: string | undefined;
  readonly port: number | undefined;
  /** Undefined while the name is not resolved, or the destination is not known: rules about it do not fit then. */
  readonly octets: Uint8Array | undefined;
  readonly relay: RelayType | undefined;
  /** Whether a rule may open the address, where it is one that is closed by default. */
  readonly opens: ((rule: Rule) => boolean) | undefined;
}

const dimensions = ["users", "names", "to", "from"] as const;
type Dimension = (typeof dimensions)[number];

/** A rule with what is needed to ask it quickly; without the matcher that the index has asked already. */
interface IndexedRule {
  readonly rule: Rule;
  readonly users: ReadonlySet<string> | undefined;
  readonly from: PrefixMap<true> | undefined;
  readonly to: PrefixMap<true> | undefined;
  readonly names: NameMap<true> | undefined;
}

type Numbers = number[];

/**
 * Rules in their order, found without asking each: every rule is kept under the values of one of its matchers, the one
 * whose values it shares with the fewest other rules. Of those that are found so the first that fits counts.
 */
export class RuleIndex {
  readonly #rules: readonly IndexedRule[];
  readonly #byUser: ReadonlyMap<string, Numbers>;
  readonly #byName: NameMap<Numbers>;
  readonly #byTo: PrefixMap<Numbers>;
  readonly #byFrom: PrefixMap<Numbers>;
  readonly #rest: Numbers = [];

  constructor(rules: readonly Rule[]) {
    const shared = shares(rules);
    const found = {
      users: new Map<string, [string, Numbers]>(),
      names: new Map<string, [NamePattern, Numbers]>(),
      to: new Map<string, [Prefix, Numbers]>(),
      from: new Map<string, [Prefix, Numbers]>(),
    };
    this.#rules = rules.map((rule, number) => {
      const by = leastShared(rule, shared);
      if (by === undefined) this.#rest.push(number);
      else {
        const map = found[by] as Map<string, [unknown, Numbers]>;
        for (const value of rule[by]!) {
          const key = keyOf(value);
          const entry = map.get(key);
          if (!entry) map.set(key, [value, [number]]);
          else if (entry[1].at(-1) !== number) entry[1].push(number);
        }
      }
      return {
        rule,
        users: by === "users" ? undefined : rule.users && new Set(rule.users),
        from: by === "from" ? undefined : prefixSet(rule.from),
        to: by === "to" ? undefined : prefixSet(rule.to),
        names: by === "names" ? undefined : rule.names && new NameMap(rule.names.map((name) => [name, true])),
      };
    });
    this.#byUser = new Map(found.users.values());
    this.#byName = new NameMap(found.names.values());
    this.#byTo = new PrefixMap(found.to.values());
    this.#byFrom = new PrefixMap(found.from.values());
  }

  /** The number of the first rule that fits, or Infinity. */
  firstNumber(question: Question): number {
    const { party, name, octets } = question;
    let best = Infinity;
    const consider = (numbers: Numbers | undefined) => {
      if (!numbers) return;
      for (const number of numbers) {
        if (number >= best) return;
        if (fits(this.#rules[number]!, question)) best = number;
      }
    };
    consider(this.#rest);
    if (party.username !== undefined) consider(this.#byUser.get(party.username));
    if (name !== undefined) this.#byName.find(name, consider);
    for (let entry = octets && this.#byTo.find(octets); entry; entry = entry.parent) consider(entry.value);
    for (let entry = party.octets && this.#byFrom.find(party.octets); entry; entry = entry.parent) {
      consider(entry.value);
    }
    return best;
  }
}

function fits({ rule, users, from, to, names }: IndexedRule, question: Question): boolean {
  const { party, port, name, octets, relay } = question;
  if (rule.commands && !rule.commands.includes(party.command)) return false;
  if (rule.ports && (port === undefined || !rule.ports.some(({ first, last }) => port >= first && port <= last))) {
    return false;
  }
  if (rule.relay && (relay === undefined || !rule.relay.includes(relay))) return false;
  if (users && (party.username === undefined || !users.has(party.username))) return false;
  if (from && (!party.octets || !from.find(party.octets))) return false;
  if (names && (name === undefined || !names.has(name))) return false;
  if (to && (!octets || !to.find(octets))) return false;
  return rule.action === "deny" || !question.opens || question.opens(rule);
}

function prefixSet(prefixes: readonly Prefix[] | undefined): PrefixMap<true> | undefined {
  return prefixes && new PrefixMap(prefixes.map((prefix) => [prefix, true]));
}

function keyOf(value: string | NamePattern | Prefix): string {
  return typeof value === "string" ? value : "text" in value ? value.text : String(value);
}

/** How many rules have each value. */
function shares(rules: readonly Rule[]): Readonly<Record<Dimension, ReadonlyMap<string, number>>> {
  const counts = { users: new Map(), names: new Map(), to: new Map(), from: new Map() };
  for (const rule of rules) {
    for (const dimension of dimensions) {
      for (const value of rule[dimension] ?? []) {
        const key = keyOf(value);
        counts[dimension].set(key, (counts[dimension].get(key) ?? 0) + 1);
      }
    }
  }
  return counts;
}

function leastShared(rule: Rule, shared: ReturnType<typeof shares>): Dimension | undefined {
  let least: Dimension | undefined, leastCount = Infinity;
  for (const dimension of dimensions) {
    const values = rule[dimension];
    if (!values) continue;
    const count = values.reduce((most, value) => Math.max(most, shared[dimension].get(keyOf(value))!), 0);
    if (count < leastCount) [least, leastCount] = [dimension, count];
  }
  return least;
}
