import type { NameFigures } from "../../admin/program_metrics.ts";
import type { Snapshot } from "../../admin/counted/collected.ts";
import type { Vitals } from "../../admin/readiness.ts";
import type { Activity, Unwanted, WantedSessions } from "../../admin/status.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import type { PasswordHash } from "../../gateway/users/password_hash.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { PackedRules } from "../../gateway/rules/packed_rules.ts";
import type { LoadedConfig } from "../files/load_config.ts";
import type { TlsFiles } from "../files/tls_files.ts";
import type { UpstreamStates } from "./upstream_states.ts";

/** A configuration to serve by. */
export interface ServedConfig extends LoadedConfig {
  /** All rules; `config` may have only some of them. */
  readonly rules: PackedRules;
}

/** What a service needs to serve. */
export interface Wanted extends Pick<ServedConfig, "config" | "text" | "file" | "rules"> {
  readonly users: ReadonlyMap<string, PasswordHash>;
  readonly tls: TlsFiles;
}

/** A gateway at work, in this thread or in several. */
export interface Service {
  readonly engine: "linux" | "portable";
  /** Worker threads. */
  readonly workers: number;
  /** Addresses at which it listens. */
  readonly addrs: readonly SocketAddr[];
  readonly sessionCount: number;
  readonly upstreams: UpstreamStates;
  /** Transports to the configured DNS servers, in their order. */
  readonly dnsServers: readonly Transport[];
  /** Figures of the fake DNS; undefined without fake DNS. */
  readonly names?: () => NameFigures | undefined;
  /** State of its threads, as last reported. */
  vitals(): Vitals;
  /** Counters of each thread. */
  metrics(): Promise<readonly Snapshot[]>;
  /** Current sessions and traffic. */
  activity(sessions: WantedSessions): Promise<Activity>;
  /** Ends sessions at once. Resolves with their number. */
  endSessions(unwanted: Unwanted): Promise<number>;
  /**
   * Serves new clients by another configuration; present clients keep theirs. All or nothing: rejects with
   * NetError or ConfigError, and then nothing has changed.
   */
  reload(wanted: Wanted): Promise<void>;
  /**
   * Accepts no new clients and resolves when all sessions have ended; cuts sessions left after `deadlineMs`. If `handedOver`,
   * keeps what the successor uses too, such as routing rules.
   */
  drain(deadlineMs: number, handedOver?: boolean): Promise<void>;
  /** Cuts the sessions that a drain has left. */
  cutRest(): void;
}

/** Maximum users with counters of their own, to limit the number of metrics. */
const MAX_COUNTED_USERS = 100;

/** Users named in metrics; undefined without metrics per user. */
export function countedUsers({ config, users }: Wanted): readonly string[] | undefined {
  return config.metricsPerUser
    ? [...new Set([...users.keys(), ...config.users.map(({ name }) => name)])].sort().slice(0, MAX_COUNTED_USERS)
    : undefined;
}
