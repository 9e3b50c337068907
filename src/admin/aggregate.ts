import { AggregatorRegistry, Registry } from "prom-client";
import type { Snapshot } from "./collected.ts";

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

/** In OpenMetrics `_total` is of a counter's samples, not of its name; the library adds it to whatever name there is. */
function withFamilyNames(snapshot: Snapshot): Snapshot {
  return snapshot.map((metric) => ({
    ...metric,
    name: metric.type === "counter" ? metric.name.replace(/_total$/, "") : metric.name,
  }));
}
