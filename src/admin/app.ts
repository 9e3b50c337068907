import { Hono } from "hono";
import type { Metrics } from "./metrics.ts";

/** How the gateway is, asked at each request. */
export interface Health {
  /** Whether it takes new clients; `state` says why, or why not. */
  readonly ready: boolean;
  readonly state: "ready" | "draining" | "not listening";
  readonly sessions: number;
}

/** The admin endpoint: read only, for probes and Prometheus. */
export function adminApp(health: () => Health, metrics: Metrics): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ alive: true }));
  app.get("/readyz", (context) => {
    const now = health();
    return context.json(now, now.ready ? 200 : 503);
  });
  app.get("/metrics", async (context) => {
    context.header("Content-Type", metrics.registry.contentType);
    return context.body(await metrics.registry.metrics());
  });
  return app;
}
