import type { RelayType, SessionEnd, TurnedAway } from "../events.ts";
import type { FailureKind } from "./failure_kind.ts";
import type { ChainHealth, Parts } from "./readiness.ts";
import type { UsedMost } from "./usage/usage.ts";

/** The activity, for people. Plain data: it can be sent between threads and as JSON. Addresses are texts. */

/** The sessions that a request selects. */
export interface WantedSessions {
  /** Maximum number of sessions: the youngest, and those with the most octets. */
  readonly most: number;
  /** Only sessions whose texts contain each of these words. */
  readonly filter?: string;
}

/** Sessions to end: one by its number, or all of a user or of a client's address. */
export type Unwanted = { readonly id: number } | { readonly user: string } | { readonly client: string };

export interface SessionView {
  readonly id: number;
  readonly client: string;
  readonly user?: string;
  /** The authentication, if it was by GSSAPI, and the protection of its octets. */
  readonly method?: string;
  readonly protection?: string;
  readonly command?: string;
  readonly destination?: string;
  /** The address that was dialled or accepted. */
  readonly remote?: string;
  readonly via?: string;
  readonly relay?: RelayType;
  readonly ageMs: number;
  /** Payload octets to the destination, and from it. */
  readonly up: number;
  readonly down: number;
  readonly datagramsUp: number;
  readonly datagramsDown: number;
}

/** A client's failure. */
export interface Failure {
  readonly client: string;
  readonly user?: string;
  readonly command?: string;
  readonly destination?: string;
  readonly end: SessionEnd | TurnedAway;
  readonly kind: FailureKind;
  readonly reply?: string;
  readonly detail?: string;
}

/** A failure, and the number of times it happened in a row. */
export interface FailureView extends Failure {
  /** The last time (ms since 1970). */
  readonly at: number;
  readonly count: number;
}

export interface RelayView {
  /** Current sessions, and all sessions since the start. */
  readonly sessions: number;
  readonly total: number;
  readonly up: number;
  readonly down: number;
}

/** The activity of one thread, or of all together. */
export interface Activity {
  /** The number of sessions, and of those that match the filter; `sessions` may contain fewer. */
  readonly sessionCount: number;
  readonly matchCount: number;
  /** The youngest first. */
  readonly sessions: readonly SessionView[];
  /** The last first. */
  readonly failures: readonly FailureView[];
  readonly relays: Readonly<Record<RelayType, RelayView>>;
  /** The number of clients since the start, and of clients that failed. */
  readonly clients: number;
  readonly failed: number;
  readonly failedBy: Readonly<Record<FailureKind, number>>;
  /** The clients, users and destinations with the most traffic in the last minutes. */
  readonly most: UsedMost;
}

export interface CertificateView {
  /** The option that names its file, as "tls-cert". */
  readonly option: string;
  readonly until: string;
  /** True if it is valid and does not expire soon. */
  readonly good: boolean;
}

/** Something that an operator should look at. */
export interface Finding {
  readonly what: string;
  readonly detail: string;
  /** True if it affects clients now or soon. */
  readonly grave: boolean;
  /** Since when (ISO 8601), if known. */
  readonly since?: string;
}

/** The resources that the process uses, and their limits; undefined if unknown. */
export interface Room {
  readonly openDescriptors: number | undefined;
  readonly maxDescriptors: number | undefined;
  /** Octets of the container, or of the machine without a container. */
  readonly usedMemory: number | undefined;
  readonly memory: number | undefined;
}

/** How often each rule has decided since the configuration was read. */
export interface RulesView {
  /** The number of rules, and of rules that never decided; `rules` may contain fewer. */
  readonly count: number;
  readonly neverHit: number;
  /** The rules with the most decisions first, then the unused ones in their order. */
  readonly rules: readonly { readonly rule: string; readonly hits: number }[];
}

/** The result of the last reload. */
export interface ReloadView {
  /** Number of configurations since the start. */
  readonly generation: number;
  /** When the current configuration was loaded. */
  readonly at: string;
  /** Why a later configuration was refused; empty if none was. */
  readonly problems: readonly string[];
}

/** A user's usage of its quota, in octets. */
export interface QuotaView {
  readonly user: string;
  readonly bytes: number;
  readonly used: number;
  /** When the next period begins. */
  readonly until: string;
}

export interface Status extends Activity {
  readonly version: string;
  readonly engine: "linux" | "portable";
  /** Number of serving threads. */
  readonly workers: number;
  readonly upMs: number;
  readonly listeners: readonly string[];
  readonly upstreams: readonly ChainHealth[];
  /** The parts that clients depend on, as in /readyz. */
  readonly parts: Parts;
  readonly certificates: readonly CertificateView[];
  /** What an operator should look at, the worst first. */
  readonly wrong: readonly Finding[];
  readonly rules: RulesView;
  readonly room: Room;
  readonly maxSessions: number;
  readonly reload: ReloadView;
  /** Time for sessions to end after a drain begins (ms). */
  readonly drainMs: number;
  /** Quotas of the first 100 users that have one. */
  readonly quotas?: readonly QuotaView[];
  /** During a drain, the time that sessions have left (ms). */
  readonly drainsForMs?: number;
}
