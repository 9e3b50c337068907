import type { MetricsSource } from "../admin/app.ts";
import type { Activity } from "../admin/status.ts";
import type { Config } from "../config/config.ts";
import type { PasswordHash } from "../gateway/password_hash.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { ConfigText } from "./config_file.ts";
import type { TlsFiles } from "./tls_files.ts";
import type { UpstreamStates } from "./upstream_states.ts";

/** What a service is to do. */
export interface Wanted {
  readonly config: Config;
  /** What `config` was made of. */
  readonly text: ConfigText;
  readonly users: ReadonlyMap<string, PasswordHash>;
  readonly tls: TlsFiles;
}

/** A gateway at work, in this thread or in several. */
export interface Service {
  readonly engine: "linux" | "portable";
  /** Threads that serve clients. */
  readonly workers: number;
  /** Where it listens. */
  readonly addrs: readonly SocketAddr[];
  readonly sessionCount: number;
  readonly upstreams: UpstreamStates;
  readonly metrics: MetricsSource;
  /** What goes on, with so many sessions at most. */
  activity(most: number): Promise<Activity>;
  /** Ends a session at once; whether there was one of that number. */
  endSession(id: number): Promise<boolean>;
  /**
   * Serves new clients by another configuration, and those that are there by the one they came to. All or nothing: rejects with
   * NetError or ConfigError, and then nothing has changed.
   */
  reload(wanted: Wanted): Promise<void>;
  /** Takes no new clients and resolves when all sessions have ended; cuts those that have not within `deadlineMs`. */
  drain(deadlineMs: number): Promise<void>;
}
