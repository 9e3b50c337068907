import type { RelayType, SessionEnd, TurnedAway } from "../events.ts";
import type { ChainHealth, Parts } from "./readiness.ts";

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
}

export interface CertificateView {
  /** Whose file it is in, as "tls-cert". */
  readonly option: string;
  readonly until: string;
  /** Whether it holds, and not just for some days yet. */
  readonly good: boolean;
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
  /** Of the first 100 users that have one. */
  readonly quotas?: readonly QuotaView[];
  /** How long sessions have to end, once it drains. */
  readonly drainsForMs?: number;
}
