/** One line of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Of a histogram's parts, which have names of their own. */
  readonly metricName?: string;
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** What is told of several threads' values; the sum unless it says otherwise. */
  readonly aggregator?: "sum" | "min";
}

export interface Collected extends Described {
  /** Asked at each scrape. */
  samples(): readonly Sample[];
}

/** The metrics of one thread, as it can send them to another. */
export type Snapshot = readonly (Described & { readonly values: readonly Sample[] })[];

/** What a thread counts. The library's own metrics cost a session more than it, and each thread its start. */
export class Collection {
  readonly #all: Collected[] = [];

  add(metric: Collected): void {
    this.#all.push(metric);
  }

  snapshot(): Snapshot {
    return this.#all.map(({ samples, ...described }) => ({ aggregator: "sum", ...described, values: samples() }));
  }
}

/** What threads that are gone have counted, `last` the last of them; gauges tell of now, and are left out. */
export function countedSoFar(gone: Snapshot, last: Snapshot): Snapshot {
  if (last.length === 0) return gone; // it died before anyone asked it
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

/** By what the counts of labels with these values are found again. */
export function keyOf(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : values.join("\n");
}
