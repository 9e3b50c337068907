import type { NamePattern } from "./name_pattern.ts";

/** Patterns with a value each, found by name in time that grows with the labels of the name, not with the patterns. */
export class NameMap<T> {
  readonly #exact = new Map<string, T[]>();
  readonly #below = new Map<string, T[]>();
  /** Longer endings of a name need not be looked up. */
  #maxLabels = 0;

  constructor(entries: Iterable<readonly [NamePattern, T]>) {
    for (const [{ name, itself, below }, value] of entries) {
      if (itself) push(this.#exact, name, value);
      if (!below) continue;
      push(this.#below, name, value);
      this.#maxLabels = Math.max(this.#maxLabels, name.split(".").length);
    }
  }

  /** Calls `visit` with the value of each pattern that `name`, folded, fits. */
  find(name: string, visit: (value: T) => void): void {
    this.#exact.get(name)?.forEach(visit);
    if (this.#below.size === 0) return;
    this.#below.get("")?.forEach(visit);
    let dot = name.lastIndexOf(".");
    for (let labels = 1; dot > 0 && labels <= this.#maxLabels; labels++) {
      this.#below.get(name.slice(dot + 1))?.forEach(visit);
      dot = name.lastIndexOf(".", dot - 1);
    }
  }

  has(name: string): boolean {
    let found = false;
    this.find(name, () => found = true);
    return found;
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
