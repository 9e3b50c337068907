import type { MetricsSource } from "../admin/app.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { UpstreamStates } from "./upstream_states.ts";

/** A gateway at work, in this thread or in several. */
export interface Service {
  /** Where it listens. */
  readonly addrs: readonly SocketAddr[];
  readonly sessionCount: number;
  readonly upstreams: UpstreamStates;
  readonly metrics: MetricsSource;
  /** Takes no new clients and resolves when all sessions have ended; cuts those that have not within `deadlineMs`. */
  drain(deadlineMs: number): Promise<void>;
}
