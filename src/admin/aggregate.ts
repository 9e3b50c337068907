import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from "prom-client";

/** The metrics of one thread, as it can send them to another. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** What scrapers may want; the first is for who does not say. */
export const formats = [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE] as const;

/** One text for the metrics of several threads: what they count is added up. */
export async function exposition(snapshots: readonly Snapshot[], format: (typeof formats)[number]): Promise<string> {
  const named = snapshots.filter((snapshot) => snapshot.length > 0);
  const open = format === Registry.OPENMETRICS_CONTENT_TYPE ? named.map(withFamilyNames) : named;
  const all: Registry<typeof format> = AggregatorRegistry.aggregate(open as unknown as object[]);
  all.setContentType(format);
  return await all.metrics();
}

/** What threads that are gone have counted, `last` the last of them; gauges tell of now, and are left out. */
export function countedSoFar(gone: Snapshot, last: Snapshot): Snapshot {
  return last.filter(({ type }) => (type as unknown) !== "gauge").map((metric) => {
    const before = gone.find(({ name }) => name === metric.name)?.values ?? [];
    return { ...metric, values: addedUp([...before, ...metric.values]) };
  });
}

function addedUp(values: readonly MetricValue<string>[]): MetricValue<string>[] {
  const sums = new Map<string, MetricValue<string>>();
  for (const value of values) {
    const key = JSON.stringify([(value as { metricName?: string }).metricName, value.labels]);
    const sum = sums.get(key);
    sums.set(key, sum ? { ...sum, value: sum.value + value.value } : value);
  }
  return [...sums.values()];
}

/** In OpenMetrics `_total` is of a counter's samples, not of its name; the library adds it to whatever name there is. */
function withFamilyNames(snapshot: Snapshot): Snapshot {
  return snapshot.map((metric) => ({
    ...metric,
    name: isCounter(metric) ? metric.name.replace(/_total$/, "") : metric.name,
  }));
}

function isCounter({ type }: Snapshot[number]): boolean {
  return (type as unknown) === "counter"; // it is a word, whatever its declaration says
}
