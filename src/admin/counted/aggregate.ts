import { AggregatorRegistry, Registry } from "prom-client";
import type { Snapshot } from "./collected.ts";

/** Formats for scrapers; the first is the default. */
export const formats = [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE] as const;

/** The metrics of several threads as one text: their counts are added. */
export async function exposition(snapshots: readonly Snapshot[], format: (typeof formats)[number]): Promise<string> {
  const named = snapshots.filter((snapshot) => snapshot.length > 0);
  const open = format === Registry.OPENMETRICS_CONTENT_TYPE ? named.map(withFamilyNames) : named;
  const all: Registry<typeof format> = AggregatorRegistry.aggregate(open as unknown as object[]);
  all.setContentType(format);
  return await all.metrics();
}

/** The metrics of several threads, with their counts added. */
export async function aggregated(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  const named = snapshots.filter((snapshot) => snapshot.length > 0);
  return await AggregatorRegistry.aggregate(named as unknown as object[]).getMetricsAsJSON() as unknown as Snapshot;
}

/** In OpenMetrics `_total` belongs to a counter's samples, not to its name; the library adds it to any name. */
function withFamilyNames(snapshot: Snapshot): Snapshot {
  return snapshot.map((metric) => ({
    ...metric,
    name: metric.type === "counter" ? metric.name.replace(/_total$/, "") : metric.name,
  }));
}
