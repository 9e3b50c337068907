import type { Metric, Registry } from "prom-client";

export interface DistributionOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, in their order. */
  readonly buckets: readonly number[];
}

interface Observed {
  readonly labels: Readonly<Record<string, string>>;
  /** By bucket, not added up; the last is of what is beyond all. */
  readonly counts: number[];
  count: number;
  sum: number;
}

/** A histogram that costs a session little: the library's own checks and sorts the labels at each observation. */
export class Distribution {
  readonly #options: DistributionOptions;
  readonly #observed = new Map<string, Observed>();

  constructor(registry: Registry, options: DistributionOptions) {
    this.#options = options;
    const { name, help } = options;
    const get = () => Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values: this.#values() });
    registry.registerMetric({ name, get } as unknown as Metric); // of which a registry needs no more
  }

  /** The labels' values in the order of their names. */
  observe(value: number, ...values: readonly string[]): void {
    const { labels, buckets } = this.#options;
    const key = values.length === 1 ? values[0]! : values.join("\n");
    let observed = this.#observed.get(key);
    if (!observed) {
      observed = {
        labels: Object.fromEntries(labels.map((name, i) => [name, values[i]!])),
        counts: new Array(buckets.length + 1).fill(0),
        count: 0,
        sum: 0,
      };
      this.#observed.set(key, observed);
    }
    let at = 0;
    while (at < buckets.length && value > buckets[at]!) at++;
    observed.counts[at]!++;
    observed.count++;
    observed.sum += value;
  }

  #values() {
    const { name, buckets } = this.#options;
    return Array.from(this.#observed.values()).flatMap(({ labels, counts, count, sum }) => {
      let below = 0;
      return [
        ...[...buckets, "+Inf"].map((le, i) => ({
          labels: { le, ...labels },
          value: below += counts[i]!,
          metricName: `${name}_bucket`,
        })),
        { labels, value: sum, metricName: `${name}_sum` },
        { labels, value: count, metricName: `${name}_count` },
      ];
    });
  }
}
