import { type Collection, keyOf, labelled, type Sample } from "./collected.ts";

export interface DistributionOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, in their order. */
  readonly buckets: readonly number[];
}

interface Observed {
  readonly values: readonly string[];
  /** By bucket, not added up; the last is of what is beyond all. */
  readonly counts: number[];
  count: number;
  sum: number;
}

/** A histogram by labels. */
export class Distribution {
  readonly #options: DistributionOptions;
  readonly #observed = new Map<string, Observed>();

  constructor(collection: Collection, options: DistributionOptions) {
    this.#options = options;
    const { name, help } = options;
    collection.add({ name, help, type: "histogram", samples: () => this.#samples() });
  }

  /** The labels' values in the order of their names. */
  observe(value: number, ...values: readonly string[]): void {
    const { buckets } = this.#options;
    const key = keyOf(values);
    let observed = this.#observed.get(key);
    if (!observed) {
      observed = { values, counts: new Array(buckets.length + 1).fill(0), count: 0, sum: 0 };
      this.#observed.set(key, observed);
    }
    let at = 0;
    while (at < buckets.length && value > buckets[at]!) at++;
    observed.counts[at]!++;
    observed.count++;
    observed.sum += value;
  }

  #samples(): readonly Sample[] {
    const { name, labels: names, buckets } = this.#options;
    return Array.from(this.#observed.values()).flatMap(({ values, counts, count, sum }): readonly Sample[] => {
      const labels = labelled(names, values);
      let below = 0;
      const bounds = [...buckets, "+Inf"].map((le, i) => {
        below += counts[i]!;
        return { labels: { le, ...labels }, value: below, metricName: `${name}_bucket` };
      });
      return [
        ...bounds,
        { labels, value: sum, metricName: `${name}_sum` },
        { labels, value: count, metricName: `${name}_count` },
      ];
    });
  }
}
