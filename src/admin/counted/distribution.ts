import { type Collection, keyOf, labelled, type Sample, type Scrape } from "./collected.ts";

/** The labels' values in the order of their names. */
export type Observe = (value: number, ...values: readonly string[]) => void;

export interface DistributionOptions<Item = never> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, in ascending order. */
  readonly buckets: readonly number[];
  /** Adds the values of a current item to the observed ones: called for each at each scrape. */
  readonly each?: (observe: Observe, item: Item) => void;
}

interface Observed {
  readonly values: readonly string[];
  /** Counts by bucket, not cumulative; the last is for values above all bounds. */
  readonly counts: number[];
  count: number;
  /** In millionths: a sum of integers is the same in any order, and never decreases by rounding. */
  sum: number;
}

const MILLION = 1e6;

/** A histogram by labels. */
export class Distribution<Item = never> {
  readonly #options: DistributionOptions<Item>;
  readonly #observed = new Map<string, Observed>();

  constructor(collection: Collection<Item>, options: DistributionOptions<Item>) {
    this.#options = options;
    const { name, help } = options;
    collection.add({ name, help, type: "histogram", open: () => this.#open() });
  }

  readonly observe: Observe = (value, ...values) => this.#observeIn(this.#observed, value, values);

  /** Returns an observer for the labels with these values, for frequent calls. */
  of(...values: readonly string[]): (value: number) => void {
    const observed = this.#in(this.#observed, values);
    return (value) => this.#note(observed, value);
  }

  #observeIn(all: Map<string, Observed>, value: number, values: readonly string[]): void {
    this.#note(this.#in(all, values), value);
  }

  #in(all: Map<string, Observed>, values: readonly string[]): Observed {
    const key = keyOf(values);
    let observed = all.get(key);
    if (!observed) {
      observed = { values, counts: new Array(this.#options.buckets.length + 1).fill(0), count: 0, sum: 0 };
      all.set(key, observed);
    }
    return observed;
  }

  #note(observed: Observed, value: number): void {
    const { buckets } = this.#options;
    let at = 0;
    while (at < buckets.length && value > buckets[at]!) at++;
    observed.counts[at]!++;
    observed.count++;
    observed.sum += Math.round(value * MILLION);
  }

  #open(): Scrape<Item> {
    const { each } = this.#options;
    const all = new Map(Array.from(this.#observed, ([key, of]) => [key, { ...of, counts: [...of.counts] }]));
    const observe: Observe = (value, ...values) => this.#observeIn(all, value, values);
    return { note: each && ((item) => each(observe, item)), samples: () => this.#samples(all) };
  }

  #samples(all: ReadonlyMap<string, Observed>): readonly Sample[] {
    const { name, labels: names, buckets } = this.#options;
    return Array.from(all.values()).flatMap(({ values, counts, count, sum }): readonly Sample[] => {
      const labels = labelled(names, values);
      let below = 0;
      const bounds = [...buckets, "+Inf"].map((le, i) => {
        below += counts[i]!;
        return { labels: { le, ...labels }, value: below, metricName: `${name}_bucket` };
      });
      return [
        ...bounds,
        { labels, value: sum / MILLION, metricName: `${name}_sum` },
        { labels, value: count, metricName: `${name}_count` },
      ];
    });
  }
}
