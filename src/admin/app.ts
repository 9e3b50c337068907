import { Hono } from "hono";
import type { ChainHealth, Status } from "./status.ts";

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

/** The program, as the admin endpoint sees and moves it. */
export interface AdminSource {
  health(): Health;
  /** Undefined as long as it starts. */
  metrics(): MetricsSource | undefined;
  /** With so many sessions at most; undefined as long as it starts. */
  status(most: number): Promise<Status | undefined>;
  /** Ends a session at once; whether there was one of that number. */
  endSession(id: number): Promise<boolean>;
  /** What was wrong, where something was; then all is as before. */
  reload(): Promise<readonly string[]>;
  /** Begins to drain, as SIGTERM does. */
  drain(): void;
}

/** The admin endpoint: read only, for probes and Prometheus. */
export function adminApp(source: AdminSource): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ alive: true }));
  app.get("/readyz", (context) => {
    const now = source.health();
    return context.json(now, now.ready ? 200 : 503);
  });
  app.get("/metrics", async (context) => {
    const metrics = source.metrics();
    if (!metrics) return context.text("not started\n", 503);
    context.header("Content-Type", metrics.contentType);
    return context.body(await metrics.metrics());
  });
  return app;
}
