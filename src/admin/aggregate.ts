import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from "prom-client";

/** The metrics of one thread, as it can send them to another. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** What scrapers may want; the first is for who does not say. */
export const formats = [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE] as const;

/** One text for the metrics of several threads: what they count is added up. */
export async function exposition(snapshots: readonly Snapshot[], format: (typeof formats)[number]): Promise<string> {
  const named = snapshots.filter((snapshot) => snapshot.length > 0) as unknown as object[];
  const all: Registry<typeof format> = AggregatorRegistry.aggregate(named);
  all.setContentType(format);
  return await all.metrics();
}
