import { Counter, Gauge, type Registry } from "prom-client";

/** Adds to what the labels with these values count, in the order of their names. */
export type Add = (count: number, ...values: readonly string[]) => void;

interface Count {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

export interface TallyOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** Of which it is a gauge: what `now` adds is all there is. */
  readonly gauge?: boolean;
  /** What counts beside what was added: asked at each scrape. */
  readonly now?: (add: Add) => void;
}

/** Counts by labels. Adding is cheap, since each session does it; the library is told only when somebody asks. */
export class Tally {
  readonly #names: readonly string[];
  readonly #counts = new Map<string, Count>();

  constructor(registry: Registry, { name, help, labels = [], gauge = false, now }: TallyOptions) {
    this.#names = labels;
    const counts = this.#counts;
    const labelsOf = (values: readonly string[]) => this.#labels(values);
    new (gauge ? Gauge : Counter)({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, value } of counts.values()) this.inc(labels, value);
        now?.((count, ...values) => this.inc(labelsOf(values), count));
      },
    });
  }

  readonly add: Add = (count, ...values) => {
    const key = values.length === 1 ? values[0]! : values.join("\n");
    const known = this.#counts.get(key);
    if (known) known.value += count;
    else this.#counts.set(key, { labels: this.#labels(values), value: count });
  };

  #labels(values: readonly string[]): Record<string, string> {
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i]!]));
  }
}
