import type { Config } from "../../config/config.ts";
import type { Clock } from "../../net/clock.ts";
import { log } from "../log/log.ts";
import { Telemetry, type TelemetryOptions } from "./telemetry.ts";

/** Sends to the collector of `--otlp`; undefined without one. The libraries are loaded only then. */
export async function openTelemetry(
  { otlp, otlpInterval: intervalMs }: Pick<Config, "otlp" | "otlpInterval">,
  clock: Clock,
  metrics: TelemetryOptions["metrics"],
): Promise<Telemetry | undefined> {
  if (!otlp) return undefined;
  const { otlpCollector } = await import("./otlp_collector.ts");
  const to = otlp.origin;
  return new Telemetry({
    collector: otlpCollector(otlp, Date.now()),
    metrics,
    clock,
    intervalMs,
    failed: (error) => log.warning("telemetry cannot be sent", { to, error: (error as Error).message }),
    works: () => log.info("telemetry is sent", { to }),
    lost: (count) => log.warning("telemetry lost sessions", { to, lost: count }),
  });
}
