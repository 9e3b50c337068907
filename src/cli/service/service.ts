import type { NameFigures } from "../../admin/program_metrics.ts";
import type { Snapshot } from "../../admin/collected.ts";
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
  /** All of them; `config` may have only some. */
  readonly rules: PackedRules;
}

/** What a service is to do. */
export interface Wanted extends Pick<ServedConfig, "config" | "text" | "file" | "rules"> {
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
  /** The ways to the DNS servers that are configured, in their order. */
  readonly dnsServers: readonly Transport[];
  /** Of a router that tells names. */
  readonly names?: () => NameFigures | undefined;
  /** How its threads are, from memory. */
  vitals(): Vitals;
  /** What each thread has counted. */
  metrics(): Promise<readonly Snapshot[]>;
  /** What goes on. */
  activity(sessions: WantedSessions): Promise<Activity>;
  /** Ends sessions at once; how many. */
  endSessions(unwanted: Unwanted): Promise<number>;
  /**
   * Serves new clients by another configuration, and those that are there by the one they came to. All or nothing: rejects with
   * NetError or ConfigError, and then nothing has changed.
   */
  reload(wanted: Wanted): Promise<void>;
  /**
   * Takes no new clients and resolves when all sessions have ended; cuts those that have not within `deadlineMs`. What others of this
   * program's find, as routes, stays where it was `handedOver` to one.
   */
  drain(deadlineMs: number, handedOver?: boolean): Promise<void>;
}

/** Users that have counts of their own, so that nobody's number of users is a burden to who keeps them. */
const MAX_COUNTED_USERS = 100;

/** Whom metrics call by their names; undefined where they do not speak of users. */
export function countedUsers({ config, users }: Wanted): readonly string[] | undefined {
  return config.metricsPerUser
    ? [...new Set([...users.keys(), ...config.users.map(({ name }) => name)])].sort().slice(0, MAX_COUNTED_USERS)
    : undefined;
}
