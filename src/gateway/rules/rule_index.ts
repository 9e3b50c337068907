import type { RelayType } from "../../events.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import type { NamePattern } from "./name_pattern.ts";
import type { Asker, Rule } from "./rule.ts";
import {
  type Dimension,
  dimensions,
  keysOf,
  newReach,
  prefixKey,
  type Reach,
  userKey,
  visitAddress,
  visitName,
} from "./rule_keys.ts";
import { SharedTable, sharedTable } from "./shared_table.ts";
import { ListedValues, type RuleLists, type ValueList } from "./value_list.ts";

/** The client's request, with the octets of the client's address. */
export interface Party extends Asker {
  readonly octets: Uint8Array | undefined;
}

/** The subject of a decision: the request, its name if any, and one address of it. */
export interface Question {
  readonly party: Party;
  /** Folded. */
  readonly name: string | undefined;
  readonly port: number | undefined;
  /** Undefined while the name is unresolved or the destination unknown: rules about addresses do not match then. */
  readonly octets: Uint8Array | undefined;
  readonly relay: RelayType | undefined;
  /** Which rules may open an address that is closed by default: those with `to`, or those with a single address there. */
  readonly opens: "to" | "alone" | undefined;
}

/** A set of keys; a large one is in memory that threads share. */
interface KeySet {
  readonly keys: readonly string[] | SharedArrayBuffer;
  readonly reach: Reach;
}

/** The part that similar rules share: everything except names and indexed values. */
export interface Shape
  extends Pick<Rule, "action" | "listeners" | "commands" | "ports" | "relay" | "family" | "via" | "budget" | "wayOut"> {
  /** True if it has a matcher for destinations. */
  readonly hasTo: boolean;
  /** True if it has a matcher for names. */
  readonly hasNames: boolean;
  /** The matchers that the index has not checked already. */
  readonly sets: Readonly<Partial<Record<Dimension, KeySet>>>;
  /** Additional values of two matchers, from files. */
  readonly lists: Readonly<Partial<Record<keyof RuleLists, readonly ValueList[]>>>;
}

/** An index, as data that threads exchange. */
export interface IndexData {
  readonly table: SharedArrayBuffer;
  readonly reach: Readonly<Record<Dimension, Reach>>;
  /** The shape number of each rule. */
  readonly shapeOf: SharedArrayBuffer;
  readonly shapes: readonly Shape[];
}

/** The key of rules that are always checked: they have none of the matchers. */
const REST = "*";

/** Sets of more values are shared. */
const MANY = 32;

/**
 * Each rule is indexed by the values of one matcher, the one whose values it shares with the fewest other rules; never by a
 * matcher with values from files.
 */
export function indexRules(rules: readonly Rule[], lists?: RuleLists): IndexData {
  const shared = shares(rules);
  const found = new Map<string, number[]>();
  const reach = { users: newReach(), names: newReach(), to: newReach(), from: newReach() };
  const shapeOf = new SharedArrayBuffer(4 * rules.length);
  const numbers = new Uint32Array(shapeOf);
  const shapes: Shape[] = [], known = new Map<string, number>();
  const note = (key: string, number: number) => {
    const entry = found.get(key);
    if (!entry) found.set(key, [number]);
    else if (entry.at(-1) !== number) entry.push(number);
  };
  rules.forEach((rule, number) => {
    const by = leastShared(rule, shared);
    if (by === undefined) note(REST, number);
    else for (const value of rule[by]!) for (const key of keysOf(by, value, reach[by])) note(key, number);
    const shape = { ...shapeWithout(rule, by), lists: listsOf(rule, lists) };
    const text = JSON.stringify(shape, (_, value) => value instanceof SharedArrayBuffer ? number : value);
    let same = known.get(text);
    if (same === undefined) known.set(text, same = shapes.push(shape) - 1);
    numbers[number] = same;
  });
  return { table: sharedTable(found), reach, shapeOf, shapes };
}

function shapeWithout(
  { action, listeners, commands, ports, relay, family, via, budget, wayOut, ...rule }: Rule,
  by?: Dimension,
): Omit<Shape, "lists"> {
  const sets: Partial<Record<Dimension, KeySet>> = {};
  for (const dimension of dimensions) {
    const values = rule[dimension];
    if (values && dimension !== by) sets[dimension] = keySet(dimension, values);
  }
  return {
    action,
    listeners,
    commands,
    ports,
    relay,
    family,
    via,
    budget,
    wayOut,
    hasTo: (rule.to ?? rule.toFiles) !== undefined,
    hasNames: (rule.names ?? rule.namesFiles) !== undefined,
    sets,
  };
}

function listsOf({ toFiles, namesFiles }: Rule, lists?: RuleLists): Shape["lists"] {
  return {
    ...toFiles && { to: toFiles.map((file) => lists!.to.get(file)!) },
    ...namesFiles && { names: namesFiles.map((file) => lists!.names.get(file)!) },
  };
}

function keySet(dimension: Dimension, values: readonly (string | NamePattern | Prefix)[]): KeySet {
  const reach = newReach();
  const keys = values.flatMap((value) => keysOf(dimension, value, reach));
  return { keys: keys.length > MANY ? sharedTable(new Map(keys.map((key) => [key, []]))) : keys, reach };
}

/** Rules in order, found by index. Of the candidates, the first that matches counts. */
export class RuleIndex {
  readonly #data: IndexData;
  readonly #table: SharedTable;
  readonly #shapeOf: Uint32Array;
  readonly #matchers: readonly Matchers[];

  constructor(data: IndexData) {
    this.#data = data;
    this.#table = new SharedTable(data.table);
    this.#shapeOf = new Uint32Array(data.shapeOf);
    this.#matchers = data.shapes.map((shape) => new Matchers(shape));
  }

  get count(): number {
    return this.#shapeOf.length;
  }

  get saysWaysOut(): boolean {
    return this.#data.shapes.some(({ wayOut }) => wayOut);
  }

  /** The rule of that number, without its name. */
  shape(number: number): Shape {
    return this.#data.shapes[this.#shapeOf[number]!]!;
  }

  /** The number of the first matching rule, or Infinity. */
  firstNumber(question: Question): number {
    const { party, name, octets } = question;
    const { reach } = this.#data;
    let best = Infinity;
    const consider = (key: string) => {
      for (const number of this.#table.get(key) ?? []) {
        if (number >= best) return;
        if (this.#fits(number, question)) best = number;
      }
    };
    consider(REST);
    if (party.username !== undefined) consider(userKey(party.username));
    if (name !== undefined) visitName(name, reach.names, consider);
    if (octets) visitAddress("to", octets, reach.to, consider);
    if (party.octets) visitAddress("from", party.octets, reach.from, consider);
    return best;
  }

  #fits(number: number, question: Question): boolean {
    const matchers = this.#matchers[this.#shapeOf[number]!]!;
    const { action, hasTo, hasNames } = matchers.shape;
    if (!matchers.fit(question)) return false;
    const { party, name, opens, octets } = question;
    if (action === "deny") return true;
    if (party.byName && name !== undefined && !hasNames) return false;
    if (!opens) return true;
    if (!hasTo || opens === "to") return hasTo;
    if (matchers.lists.to?.some((list) => list.hasAlone(octets!))) return true;
    const alone = prefixKey("to", octets!, 8 * octets!.length);
    return matchers.names("to", alone) ?? this.#table.get(alone)?.includes(number) ?? false;
  }
}

/** A shape, prepared for fast checks. */
class Matchers {
  readonly shape: Shape;
  readonly lists: Readonly<Partial<Record<keyof RuleLists, readonly ListedValues[]>>>;
  readonly #sets: Partial<Record<Dimension, { has(key: string): boolean }>> = {};

  constructor(shape: Shape) {
    this.shape = shape;
    const asked = (lists: readonly ValueList[] | undefined) => lists?.map((list) => new ListedValues(list));
    this.lists = { names: asked(shape.lists.names), to: asked(shape.lists.to) };
    for (const dimension of dimensions) {
      const keys = shape.sets[dimension]?.keys;
      if (keys) this.#sets[dimension] = keys instanceof SharedArrayBuffer ? new SharedTable(keys) : new Set(keys);
    }
  }

  fit({ party, port, name, octets, relay }: Question): boolean {
    const { shape: { listeners, commands, ports, relay: relays, sets }, lists } = this;
    if (listeners && (party.listener === undefined || !listeners.includes(party.listener))) return false;
    if (commands && !commands.includes(party.command)) return false;
    if (ports && (port === undefined || !ports.some(({ first, last }) => port >= first && port <= last))) return false;
    if (relays && (relay === undefined || !relays.includes(relay))) return false;
    const { users, names, to, from } = sets;
    if (users && (party.username === undefined || !this.names("users", userKey(party.username)))) return false;
    if (from && (!party.octets || !this.#any("from", (ask) => visitAddress("from", party.octets!, from.reach, ask)))) {
      return false;
    }
    if (names || lists.names) {
      if (name === undefined) return false;
      const listed = lists.names?.some((list) => list.hasName(name));
      if (!listed && !(names && this.#any("names", (ask) => visitName(name, names.reach, ask)))) return false;
    }
    if (!to && !lists.to) return true;
    if (octets === undefined) return false;
    const listed = lists.to?.some((list) => list.hasAddress(octets));
    return listed || (to !== undefined && this.#any("to", (ask) => visitAddress("to", octets, to.reach, ask)));
  }

  /** True if that key is among those of the matcher; undefined if the matcher is not indexed here. */
  names(dimension: Dimension, key: string): boolean | undefined {
    return this.#sets[dimension]?.has(key);
  }

  #any(dimension: Dimension, visitAll: (ask: (key: string) => void) => void): boolean {
    let found = false;
    visitAll((key) => found ||= this.names(dimension, key) === true);
    return found;
  }
}

/** How many rules have each value. */
function shares(rules: readonly Rule[]): Readonly<Record<Dimension, ReadonlyMap<string, number>>> {
  const counts = { users: new Map(), names: new Map(), to: new Map(), from: new Map() };
  for (const rule of rules) {
    for (const dimension of dimensions) {
      for (const value of rule[dimension] ?? []) {
        const key = textOf(value);
        counts[dimension].set(key, (counts[dimension].get(key) ?? 0) + 1);
      }
    }
  }
  return counts;
}

function textOf(value: string | NamePattern | Prefix): string {
  return typeof value === "string" ? value : "text" in value ? value.text : String(value);
}

function leastShared(rule: Rule, shared: ReturnType<typeof shares>): Dimension | undefined {
  let least: Dimension | undefined, leastCount = Infinity;
  for (const dimension of dimensions) {
    const values = rule[dimension];
    const hasMore = (dimension === "to" && rule.toFiles) || (dimension === "names" && rule.namesFiles);
    if (!values || hasMore) continue;
    const count = values.reduce((most, value) => Math.max(most, shared[dimension].get(textOf(value))!), 0);
    if (count < leastCount) [least, leastCount] = [dimension, count];
  }
  return least;
}
