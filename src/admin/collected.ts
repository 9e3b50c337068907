import type { Metric, Registry } from "prom-client";

/** One line of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Of a histogram's parts, which have names of their own. */
  readonly metricName?: string;
}

export interface Collected {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** Asked at each scrape. */
  samples(): readonly Sample[];
}

/** Has `registry` ask for samples where it would have counted: the library's own metrics cost a session more than it. */
export function register(registry: Registry, { name, help, type, samples }: Collected): void {
  const get = () => Promise.resolve({ name, help, type, aggregator: "sum", values: samples() });
  registry.registerMetric({ name, get } as unknown as Metric); // of which a registry needs no more
}

/** The labels of these names with these values. */
export function labelled(names: readonly string[], values: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

/** By what the counts of labels with these values are found again. */
export function keyOf(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : values.join("\n");
}
