import type { Prefix } from "../../protocol/ip/prefix.ts";
import type { NamePattern } from "./name_pattern.ts";
import { OctetSet, OctetSetBuilder } from "./octet_set.ts";
import { keysOf, newReach, prefixKey, type Reach, visitAddress } from "./rule_keys.ts";

/** The values of a rule's file, as data that threads exchange. */
export interface ValueList {
  readonly isEmpty: boolean;
  readonly values: SharedArrayBuffer;
  /** Its prefix lengths. */
  readonly reach: Reach;
}

/** By the path of their file. */
export interface RuleLists {
  readonly names: ReadonlyMap<string, ValueList>;
  readonly to: ReadonlyMap<string, ValueList>;
}

const ITSELF = 1, BELOW = 2;

/** Collects names, or prefixes of destinations: some 30 octets for one. */
export class ListBuilder {
  readonly #set = new OctetSetBuilder();
  readonly #reach = newReach();
  #isEmpty = true;

  addName({ name, itself, below }: NamePattern): void {
    this.#set.add(name, (itself ? ITSELF : 0) | (below ? BELOW : 0));
    this.#isEmpty = false;
  }

  addPrefix(prefix: Prefix): void {
    for (const key of keysOf("to", prefix, this.#reach)) this.#set.add(key, ITSELF);
    this.#isEmpty = false;
  }

  list(): ValueList {
    return { isEmpty: this.#isEmpty, values: this.#set.memory(), reach: this.#reach };
  }
}

/** A list, ready for lookups. */
export class ListedValues {
  readonly #set: OctetSet;
  readonly #reach: Reach;

  constructor({ values, reach }: ValueList) {
    this.#set = new OctetSet(values);
    this.#reach = reach;
  }

  /** True if a pattern of `name`, folded, is in it. */
  hasName(name: string): boolean {
    return this.#set.has(name, ITSELF, BELOW, ".");
  }

  /** True if a prefix around `octets` is in it. */
  hasAddress(octets: Uint8Array): boolean {
    let found = false;
    visitAddress("to", octets, this.#reach, (key) => found ||= this.#set.has(key, ITSELF));
    return found;
  }

  /** True if `octets` are in it as a single address. */
  hasAlone(octets: Uint8Array): boolean {
    return this.#set.has(prefixKey("to", octets, 8 * octets.length), ITSELF);
  }
}
