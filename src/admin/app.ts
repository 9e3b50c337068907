import { Hono } from "hono";
import type { ChainHealth } from "./status.ts";

/** How the gateway is, asked at each request. */
export interface Health {
  /** Whether it takes new clients; `state` says why, or why not. */
  readonly ready: boolean;
  readonly state: "ready" | "draining" | "not listening" | "no upstream";
  readonly sessions: number;
  /** Chains of upstream gateways of which it is known how they are. */
  readonly upstreams?: readonly ChainHealth[];
}

/** What is counted, in Prometheus' text format. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** The admin endpoint: read only, for probes and Prometheus. */
export function adminApp(health: () => Health, metrics: () => MetricsSource | undefined): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ alive: true }));
  app.get("/readyz", (context) => {
    const now = health();
    return context.json(now, now.ready ? 200 : 503);
  });
  app.get("/metrics", async (context) => {
    const source = metrics();
    if (!source) return context.text("not started\n", 503);
    context.header("Content-Type", source.contentType);
    return context.body(await source.metrics());
  });
  return app;
}
