import type { RelayType, SessionEnd, TurnedAway } from "../events.ts";
import type { FailureKind } from "./failure_kind.ts";
import type { ChainHealth, Parts } from "./readiness.ts";
import type { UsedMost } from "./usage/usage.ts";

/** What goes on, as people see it. Plain data: it can be sent between threads and as JSON. Addresses are texts. */

/** Which sessions somebody wants to see. */
export interface WantedSessions {
  /** Of more than so many, the youngest and those that moved the most. */
  readonly most: number;
  /** Only those that have each of these words in what is told of them. */
  readonly filter?: string;
}

/** Sessions that are to end: one by its number, or all of a user or of a client's address. */
export type Unwanted = { readonly id: number } | { readonly user: string } | { readonly client: string };

export interface SessionView {
  readonly id: number;
  readonly client: string;
  readonly user?: string;
  /** How it was let in, where that was by GSSAPI; and how its octets travel. */
  readonly method?: string;
  readonly protection?: string;
  readonly command?: string;
  readonly destination?: string;
  /** What was dialled or accepted. */
  readonly remote?: string;
  readonly via?: string;
  readonly relay?: RelayType;
  readonly ageMs: number;
  /** Octets of payload towards the destination, and from it. */
  readonly up: number;
  readonly down: number;
  readonly datagramsUp: number;
  readonly datagramsDown: number;
}

/** How a client got nothing. */
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

/** A failure, and how often the same has happened in a row. */
export interface FailureView extends Failure {
  /** Of the last time (ms since 1970). */
  readonly at: number;
  readonly count: number;
}

export interface RelayView {
  /** Under way, and ever. */
  readonly sessions: number;
  readonly total: number;
  readonly up: number;
  readonly down: number;
}

/** Of one thread, or of all together. */
export interface Activity {
  /** How many there are, and how many fit the filter; `sessions` may hold fewer. */
  readonly sessionCount: number;
  readonly matchCount: number;
  /** The youngest first. */
  readonly sessions: readonly SessionView[];
  /** The last first. */
  readonly failures: readonly FailureView[];
  readonly relays: Readonly<Record<RelayType, RelayView>>;
  /** Clients that have come since the start, and those that got nothing but a failure. */
  readonly clients: number;
  readonly failed: number;
  readonly failedBy: Readonly<Record<FailureKind, number>>;
  /** Who used the most in the last minutes, and where. */
  readonly most: UsedMost;
}

export interface CertificateView {
  /** Whose file it is in, as "tls-cert". */
  readonly option: string;
  readonly until: string;
  /** Whether it holds, and not just for some days yet. */
  readonly good: boolean;
}

/** Something that an operator should look at. */
export interface Finding {
  readonly what: string;
  readonly detail: string;
  /** Whether clients suffer by it now, or soon. */
  readonly grave: boolean;
  /** Since when (ISO 8601), where that is known. */
  readonly since?: string;
}

/** What the process has, and how much there is; undefined where nobody says. */
export interface Room {
  readonly openDescriptors: number | undefined;
  readonly maxDescriptors: number | undefined;
  /** Octets of the container, or of the machine where there is none. */
  readonly usedMemory: number | undefined;
  readonly memory: number | undefined;
}

/** How often rules decided since the configuration was read. */
export interface RulesView {
  /** How many there are, and how many of them never did; `rules` may hold fewer. */
  readonly count: number;
  readonly neverHit: number;
  /** Those that did the most first, then those that never did in their order. */
  readonly rules: readonly { readonly rule: string; readonly hits: number }[];
}

/** How the last reload went. */
export interface ReloadView {
  /** Configurations since the start. */
  readonly generation: number;
  /** When the one that holds was taken. */
  readonly at: string;
  /** Why another was refused since; none where none was. */
  readonly problems: readonly string[];
}

/** How much of its quota a user has used, in octets. */
export interface QuotaView {
  readonly user: string;
  readonly bytes: number;
  readonly used: number;
  /** When it begins anew. */
  readonly until: string;
}

export interface Status extends Activity {
  readonly version: string;
  readonly engine: "linux" | "portable";
  /** Threads that serve clients. */
  readonly workers: number;
  readonly upMs: number;
  readonly listeners: readonly string[];
  readonly upstreams: readonly ChainHealth[];
  /** What clients depend on, as /readyz tells it. */
  readonly parts: Parts;
  readonly certificates: readonly CertificateView[];
  /** What an operator should look at, the worst first. */
  readonly wrong: readonly Finding[];
  readonly rules: RulesView;
  readonly room: Room;
  readonly maxSessions: number;
  readonly reload: ReloadView;
  /** How long sessions would have to end if it drained. */
  readonly drainMs: number;
  /** Of the first 100 users that have one. */
  readonly quotas?: readonly QuotaView[];
  /** How long sessions have to end, once it drains. */
  readonly drainsForMs?: number;
}
