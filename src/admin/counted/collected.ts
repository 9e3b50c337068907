import { STEP } from "../steps.ts";

/** One sample of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** The name of a histogram's part. */
  readonly metricName?: string;
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** How to combine several threads' values; by default the sum. */
  readonly aggregator?: "sum" | "min";
}

/** The values of one metric at one scrape. */
export interface Scrape<Item> {
  /** Adds a current item. */
  readonly note?: ((item: Item) => void) | undefined;
  samples(): readonly Sample[];
}

export interface Collected<Item> extends Described {
  /** Called at the start of each scrape, whose stored counts are those of that moment. */
  open(): Scrape<Item>;
}

/** The metrics of one thread, in a form that can be sent to another. */
export type Snapshot = readonly (Described & { readonly values: readonly Sample[] })[];

/** The metrics of a thread. The library's own metrics cost more than a session itself, and slow the start of each thread. */
export class Collection<Item = never> {
  readonly #all: Collected<Item>[] = [];

  add(metric: Collected<Item>): void {
    this.#all.push(metric);
  }

  /** The stored counts with those of the current `items`: copied by now, since an item that ends meanwhile is stored too. */
  *look(items: readonly Item[] = []): Generator<void, Snapshot> {
    const metrics = this.#all.map(({ open, ...described }) => ({ described, scrape: open() }));
    const notes = metrics.flatMap(({ scrape: { note } }) => note ?? []);
    for (let at = 0; at < items.length; at++) {
      if (at % STEP === STEP - 1) yield;
      for (const note of notes) note(items[at]!);
    }
    return metrics.map(({ described, scrape }) => ({ aggregator: "sum", ...described, values: scrape.samples() }));
  }
}

/** The counts of ended threads, `last` the latest of them; gauges are current values, and are left out. */
export function countedSoFar(gone: Snapshot, last: Snapshot): Snapshot {
  if (last.length === 0) return gone; // the thread died before the first scrape
  return last.filter(({ type }) => type !== "gauge").map((metric) => {
    const before = gone.find(({ name }) => name === metric.name)?.values ?? [];
    return { ...metric, values: addedUp([...before, ...metric.values]) };
  });
}

function addedUp(samples: readonly Sample[]): readonly Sample[] {
  const sums = new Map<string, Sample>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.metricName, sample.labels]);
    const sum = sums.get(key);
    sums.set(key, sum ? { ...sum, value: sum.value + sample.value } : sample);
  }
  return [...sums.values()];
}

/** The labels of these names with these values. */
export function labelled(names: readonly string[], values: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

/** The key of the counts of labels with these values. */
export function keyOf(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : values.join("\n");
}
