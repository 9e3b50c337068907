import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from "prom-client";

/** The metrics of one thread, as it can send them to another. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

export const aggregateType = Registry.PROMETHEUS_CONTENT_TYPE;

/** One text for the metrics of several threads: what they count is added up. */
export async function aggregateText(snapshots: readonly Snapshot[]): Promise<string> {
  const named = snapshots.filter((snapshot) => snapshot.length > 0);
  return named.length === 0 ? "" : await AggregatorRegistry.aggregate(named as unknown as object[]).metrics();
}
