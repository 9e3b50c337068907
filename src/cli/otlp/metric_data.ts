import { AggregationTemporality, DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import type { Sample, Snapshot } from "../../admin/counted/collected.ts";

type Time = [seconds: number, nanoseconds: number];

/** What all points of a metric have in common. */
interface Span {
  readonly startTime: Time;
  readonly endTime: Time;
}

/** Summed snapshots in OpenTelemetry's form: counters are cumulative since `startedAt`. Times in ms since 1970. */
export function metricData(snapshot: Snapshot, startedAt: number, now: number): MetricData[] {
  const span = { startTime: timeOf(startedAt), endTime: timeOf(now) };
  return snapshot.filter(({ values }) => values.length > 0).map(({ name, help, type, values }): MetricData => {
    const common = {
      descriptor: { name, description: help, unit: "", valueType: 1 },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
    };
    if (type === "histogram") {
      return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(values, span) };
    }
    const dataPoints = values.map(({ labels, value }) => ({ ...span, attributes: { ...labels }, value }));
    return type === "counter"
      ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
      : { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
  });
}

/** Ms since 1970 as the library wants it. */
export function timeOf(ms: number): Time {
  return [Math.floor(ms / 1_000), Math.round(ms % 1_000) * 1_000_000];
}

/** Prometheus' buckets count all values up to their bound; OpenTelemetry's only those above the bound before. */
function histograms(samples: readonly Sample[], span: Span) {
  const byLabels = new Map<string, { attributes: Sample["labels"]; bounds: number[]; upTo: number[]; sum: number }>();
  for (const { labels: { le, ...attributes }, value, metricName = "" } of samples) {
    const key = JSON.stringify(attributes);
    let one = byLabels.get(key);
    if (!one) byLabels.set(key, one = { attributes, bounds: [], upTo: [], sum: 0 });
    if (metricName.endsWith("_sum")) one.sum = value;
    if (!metricName.endsWith("_bucket")) continue;
    if (le !== "+Inf") one.bounds.push(Number(le));
    one.upTo.push(value);
  }
  return Array.from(byLabels.values(), ({ attributes, bounds, upTo, sum }) => ({
    ...span,
    attributes: { ...attributes },
    value: {
      buckets: { boundaries: bounds, counts: upTo.map((count, i) => count - (upTo[i - 1] ?? 0)) },
      count: upTo.at(-1) ?? 0,
      sum,
    },
  }));
}
