import { type Collection, keyOf, labelled, type Sample } from "./collected.ts";

/** Adds to what the labels with these values count, in the order of their names. */
export type Add = (count: number, ...values: readonly string[]) => void;

export interface TallyOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** A gauge: what `now` adds is all there is. */
  readonly gauge?: boolean;
  /** What counts beside what was added: asked at each scrape. */
  readonly now?: (add: Add) => void;
}

/** What one combination of labels counts. */
export interface Cell {
  readonly values: readonly string[];
  count: number;
}

type Counts = Map<string, Cell>;

/** Counts by labels. */
export class Tally {
  readonly #counts: Counts = new Map();

  constructor(collection: Collection, { name, help, labels = [], gauge = false, now }: TallyOptions) {
    collection.add({
      name,
      help,
      type: gauge ? "gauge" : "counter",
      samples: () => {
        const all: Counts = new Map();
        for (const { values, count } of this.#counts.values()) addTo(all, count, values);
        now?.((count, ...values) => void addTo(all, count, values));
        return Array.from(
          all.values(),
          ({ values, count }): Sample => ({ labels: labelled(labels, values), value: count }),
        );
      },
    });
  }

  readonly add: Add = (count, ...values) => void addTo(this.#counts, count, values);

  /** Where the labels with these values are counted, for callers that count them often; not for a tally that is cleared. */
  cell(...values: readonly string[]): Cell {
    return addTo(this.#counts, 0, values);
  }

  /** Nothing was added yet. */
  clear(): void {
    this.#counts.clear();
  }
}

function addTo(counts: Counts, count: number, values: readonly string[]): Cell {
  const key = keyOf(values);
  let cell = counts.get(key);
  if (!cell) counts.set(key, cell = { values, count: 0 });
  cell.count += count;
  return cell;
}
