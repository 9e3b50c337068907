import { type Collection, keyOf, labelled, type Sample } from "./collected.ts";

/** Adds to the count of the labels with these values, in the order of their names. */
export type Add = (count: number, ...values: readonly string[]) => void;

export interface TallyOptions<Item = never> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** True for a gauge: it has only the values that `now` adds. */
  readonly gauge?: boolean;
  /** Adds counts beside the stored ones: called at each scrape. */
  readonly now?: (add: Add) => void;
  /** Adds those of a current item: called for each at each scrape. */
  readonly each?: (add: Add, item: Item) => void;
}

/** The count of one combination of labels. */
export interface Cell {
  readonly values: readonly string[];
  count: number;
}

type Counts = Map<string, Cell>;

/** Counts by labels. */
export class Tally<Item = never> {
  readonly #counts: Counts = new Map();

  constructor(
    collection: Collection<Item>,
    { name, help, labels = [], gauge = false, now, each }: TallyOptions<Item>,
  ) {
    collection.add({
      name,
      help,
      type: gauge ? "gauge" : "counter",
      open: () => {
        const all: Counts = new Map();
        const add: Add = (count, ...values) => void addTo(all, count, values);
        for (const { values, count } of this.#counts.values()) addTo(all, count, values);
        now?.(add);
        return {
          note: each && ((item) => each(add, item)),
          samples: () =>
            Array.from(
              all.values(),
              ({ values, count }): Sample => ({ labels: labelled(labels, values), value: count }),
            ),
        };
      },
    });
  }

  readonly add: Add = (count, ...values) => void addTo(this.#counts, count, values);

  /** The cell of the labels with these values, for frequent calls; not for a tally that is cleared. */
  cell(...values: readonly string[]): Cell {
    return addTo(this.#counts, 0, values);
  }

  /** Removes all counts. */
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
