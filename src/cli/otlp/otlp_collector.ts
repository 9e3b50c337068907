import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { aggregated } from "../../admin/counted/aggregate.ts";
import { version } from "../version.ts";
import { metricData, timeOf } from "./metric_data.ts";
import type { Collector } from "./telemetry.ts";

type Exporter<T> = {
  export(items: T, done: (result: { readonly code: number; readonly error?: Error }) => void): void;
};
type LogRecord = Parameters<OTLPLogExporter["export"]>[0][number];

/** SeverityNumber (OpenTelemetry's data model of logs). */
const INFO = 9;

/**
 * A collector that speaks OTLP over HTTP with JSON, at the paths v1/metrics and v1/logs of `url`. The library reads the standard
 * environment variables for headers, certificates, time limit and compression, and repeats what a collector says to repeat.
 */
export function otlpCollector(url: URL, startedAt: number): Collector {
  const at = (path: string) => `${url.href.replace(/\/$/, "")}/v1/${path}`;
  const metrics = new OTLPMetricExporter({ url: at("metrics") });
  const logs = new OTLPLogExporter({ url: at("logs") });
  const resource = resourceFromAttributes({ "service.name": "gate46", "service.version": version })
    .merge(detectResources({ detectors: [envDetector] }));
  const scope = { name: "gate46", version };
  return {
    async sendMetrics(snapshots) {
      const scopeMetrics = [{ scope, metrics: metricData(await aggregated(snapshots), startedAt, Date.now()) }];
      await exported(metrics, { resource, scopeMetrics });
    },
    async sendSessions(lines) {
      const records = lines.map((line): LogRecord => {
        const { "@timestamp": at, message, level: _level, logger: _logger, ...attributes } = JSON.parse(line);
        const time = timeOf(Date.parse(at));
        return {
          resource,
          instrumentationScope: scope,
          hrTime: time,
          hrTimeObserved: time,
          severityNumber: INFO,
          severityText: "INFO",
          body: message,
          attributes,
          droppedAttributesCount: 0,
        };
      });
      await exported(logs, records);
    },
    async close() {
      await Promise.all([metrics.shutdown(), logs.shutdown()]);
    },
  };
}

function exported<T>(exporter: Exporter<T>, items: T): Promise<void> {
  return new Promise((resolve, reject) =>
    exporter.export(items, ({ code, error }) => code === 0 ? resolve() : reject(error ?? new Error("not accepted")))
  );
}
