import type { MessagePort } from "node:worker_threads";
import type { ThreadVitals } from "../../admin/readiness.ts";
import type { Unwanted, WantedSessions } from "../../admin/status.ts";
import type { Question as DnsQuestion } from "../../dns/servers/message.ts";
import type { UpstreamEvent } from "../../events.ts";
import type { Cut } from "../../net/cut.ts";
import type { InitiatorStep } from "../../net/gss/gss_initiator.ts";
import type { NetErrorKind } from "../../net/error.ts";
import type { SealedOptions } from "../../net/linux/tls/sealed_tls.ts";
import type { SocketAddr, Successors } from "../../net/socket.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import type { WayOut } from "../../gateway/way_out.ts";
import type { PackedRules } from "../../gateway/rules/packed_rules.ts";
import type { Usage } from "../../gateway/quotas/quota_meter.ts";
import type { Speech } from "../../gateway/settings.ts";
import type { ConfigText } from "../files/load_config.ts";
import type { Letter } from "./exchange.ts";
import type { TlsQuestion } from "./tls_threads.ts";

/** What the main thread and a worker say to each other. All of it can be cloned. */

/** How often a worker says how it is (ms). */
export const PULSE_MS = 2_000;

/** What a listener is for. */
export interface Purpose {
  /** Whether its clients speak TLS. */
  readonly tls: boolean;
  /** What they may speak in it; undefined for everything. */
  readonly only: Speech | undefined;
  /** By what they leave. */
  readonly wayOut?: WayOut | undefined;
}

/** Where workers listen. */
export interface Listening extends Purpose {
  readonly addr: SocketAddr;
  /** What all of them accept from, where each has no listening socket of its own. */
  readonly descriptor: number | undefined;
}

/** What workers serve new clients by. */
export interface Served {
  /** But for its rules. */
  readonly config: ConfigText;
  readonly rules: PackedRules;
  /** Ports resolved; every worker listens on each. */
  readonly listen: readonly Listening[];
  /** Listeners of the program that are not the gateway's. */
  readonly otherListeners: readonly SocketAddr[];
  /** What workers speak TLS by themselves with; undefined where the main thread does for them. Never to be logged. */
  readonly tls?: SealedOptions | undefined;
  /** Which worker probes which upstream. */
  readonly probes: SharedArrayBuffer;
  /** Whom metrics call by their names. */
  readonly countedUsers?: readonly string[] | undefined;
}

/** The same, as a worker is told it. */
export interface Setup extends Served {
  /** Of the configuration: each reload has the next. */
  readonly generation: number;
  readonly asksForPasswords: boolean;
}

/** Memory that all workers have in common. */
export interface CommonBuffers {
  /** Which worker owns which descriptor. */
  readonly descriptors: SharedArrayBuffer;
  /** What is counted for limits. */
  readonly counters: SharedArrayBuffer;
  /** What is known of paths. */
  readonly paths: SharedArrayBuffer;
  /** The table of fake addresses, where there is one. */
  readonly names?: SharedArrayBuffer | undefined;
  /** BigInt64, since 2^31 numbers last some months: the last session's number, then each worker's sessions. */
  readonly sessions: SharedArrayBuffer;
}

/** What makes a worker the one that it is. */
export interface WorkerPart extends CommonBuffers {
  readonly setup: Setup;
  /** Users whose quota is used up, and until when. */
  readonly usedUp: ReadonlyMap<string, string>;
  /** By address, where this program takes listeners over from another. */
  readonly successors: ReadonlyMap<string, Successors>;
  /** From 1; its place in the shared memory. */
  readonly number: number;
  /** How many there are. */
  readonly workers: number;
  /** Of the wall clock, which is the same in all threads. */
  readonly haste: number;
}

/** What a worker is started with. */
export interface WorkerStart extends WorkerPart {
  readonly gate46: "worker";
  readonly port: MessagePort;
}

/**
 * What a worker cannot do itself, since it waits in the kernel and not for its runtime; on account of `asker`, which is the
 * gateway itself where there is none.
 */
export type Asked =
  & { readonly asker?: Asker | undefined }
  & (
    | { readonly type: "resolve"; readonly name: string }
    | { readonly type: "reverse"; readonly address: string }
    /** `place` is that of a DNS server in the configuration. */
    | { readonly type: "dns"; readonly place: number; readonly question: DnsQuestion }
    | { readonly type: "verify"; readonly username: Uint8Array; readonly password: Uint8Array; readonly client: string }
    /** An InitiatorStepped. */
    | ({ readonly type: "gss-step" } & InitiatorStep)
    | TlsQuestion
  );

/** By the configuration of that generation. */
export type Question = Asked & { readonly generation: number };

/** Has the main thread answer; `memory` goes over to it. Rejects with NetError. */
export type Ask = (question: Question, memory?: ArrayBuffer[], cut?: Cut) => Promise<unknown>;

/** The same, of one configuration. */
export type AskAbout = (question: Asked, memory?: ArrayBuffer[], cut?: Cut) => Promise<unknown>;

/** What the main thread wants of a worker, and what it gets. */
export type Order =
  /** A Snapshot. */
  | { readonly type: "metrics" }
  /** Its Activity, as JSON: a text goes over in a tenth of the time. */
  | { readonly type: "activity"; readonly sessions: WantedSessions }
  /** How many such sessions it has had. */
  | { readonly type: "end-sessions"; readonly unwanted: Unwanted }
  /** Whose quota is used up now; how many of their sessions it has ended. */
  | { readonly type: "quotas"; readonly usedUp: ReadonlyMap<string, string> }
  /** Nothing, once new clients get that. */
  | { readonly type: "reload"; readonly setup: Setup }
  /** How many sessions were cut. */
  | { readonly type: "drain"; readonly deadlineMs: number };

export type FromWorker =
  | Letter<Question>
  | { readonly type: "listening"; readonly wakeFd: number }
  | { readonly type: "not-listening"; readonly kind: NetErrorKind; readonly message: string }
  | News;

/** What a worker says unasked. */
export type News =
  | { readonly type: "upstream"; readonly event: UpstreamEvent }
  /** Every PULSE_MS, so that one that hangs is noticed; and what it did since the last. */
  | {
    readonly type: "pulse";
    readonly vitals: ThreadVitals;
    readonly counts: Float64Array;
    readonly usage: readonly Usage[];
  }
  /** The last session of a former generation has ended. */
  | { readonly type: "retired"; readonly generation: number };

export type ToWorker = Letter<Order>;
