import type { Prefix } from "./prefix.ts";

/** One prefix of a map, linked to the longest prefix that contains it. */
export interface PrefixEntry<T> {
  readonly prefix: Prefix;
  readonly value: T;
  readonly parent: PrefixEntry<T> | undefined;
}

/**
 * Prefixes of both families with a value each, found by address in O(log n): sorted by their first address, the last one that
 * begins at or before an address is the longest prefix around it, or lies inside of that prefix.
 */
export class PrefixMap<T> {
  readonly #ipv4: readonly PrefixEntry<T>[];
  readonly #ipv6: readonly PrefixEntry<T>[];

  constructor(entries: Iterable<readonly [Prefix, T]>) {
    const sorted = Array.from(entries).sort(([a], [b]) => compare(a.octets, b.octets) || a.bits - b.bits);
    this.#ipv4 = linked(sorted.filter(([{ octets }]) => octets.length === 4));
    this.#ipv6 = linked(sorted.filter(([{ octets }]) => octets.length === 16));
  }

  /** The longest prefix around `octets`; its `parent` leads to all the others. */
  find(octets: Uint8Array): PrefixEntry<T> | undefined {
    const entries = octets.length === 4 ? this.#ipv4 : this.#ipv6;
    let low = 0, high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(entries[middle]!.prefix.octets, octets) <= 0) low = middle + 1;
      else high = middle;
    }
    let entry: PrefixEntry<T> | undefined = entries[low - 1];
    while (entry && !entry.prefix.contains(octets)) entry = entry.parent;
    return entry;
  }
}

function linked<T>(sorted: readonly (readonly [Prefix, T])[]): PrefixEntry<T>[] {
  let last: PrefixEntry<T> | undefined;
  return sorted.map(([prefix, value]) => {
    let parent = last;
    while (parent && !parent.prefix.contains(prefix.octets)) parent = parent.parent;
    return last = { prefix, value, parent };
  });
}

function compare(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
