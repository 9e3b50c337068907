import type { MessagePort } from "node:worker_threads";
import type { ThreadVitals } from "../../../admin/readiness.ts";
import type { Unwanted, WantedSessions } from "../../../admin/status.ts";
import type { Question as DnsQuestion } from "../../../dns/servers/message.ts";
import type { UpstreamEvent } from "../../../events.ts";
import type { Cut } from "../../../net/cut.ts";
import type { InitiatorStep } from "../../../net/gss/gss_initiator.ts";
import type { NetErrorKind } from "../../../net/error.ts";
import type { SealedOptions } from "../../../net/linux/tls/sealed_tls.ts";
import type { SocketAddr, Successors } from "../../../net/socket.ts";
import type { Asker } from "../../../turns/fair_queue.ts";
import type { WayOut } from "../../../gateway/way_out.ts";
import type { PackedRules } from "../../../gateway/rules/packed_rules.ts";
import type { Usage } from "../../../gateway/quotas/quota_meter.ts";
import type { Speech } from "../../../gateway/settings.ts";
import type { ConfigText } from "../../files/load_config.ts";
import type { EndedSessions } from "../../otlp/outbox.ts";
import type { Letter } from "./exchange.ts";
import type { TlsQuestion } from "../tls_threads.ts";

/** Messages between the main thread and a worker. All can be cloned. */

/** Interval of a worker's reports (ms). */
export const PULSE_MS = 2_000;

/** Purpose of a listener. */
export interface Purpose {
  /** True if its clients speak TLS. */
  readonly tls: boolean;
  /** The only protocols that its clients may speak; undefined for all. */
  readonly only: Speech | undefined;
  /** Source of its clients' connections. */
  readonly wayOut?: WayOut | undefined;
}

/** A listener of the workers. */
export interface Listening extends Purpose {
  readonly addr: SocketAddr;
  /** Listening socket that all workers share; undefined if each has its own. */
  readonly descriptor: number | undefined;
}

/** The configuration by which workers serve new clients. */
export interface Served {
  /** The configuration without its rules. */
  readonly config: ConfigText;
  readonly rules: PackedRules;
  /** Ports resolved; every worker listens on each. */
  readonly listen: readonly Listening[];
  /** Listeners of the program other than the gateway's. */
  readonly otherListeners: readonly SocketAddr[];
  /** Options for TLS in workers; undefined if the main thread does TLS for them. Must never be logged. */
  readonly tls?: SealedOptions | undefined;
  /** Which worker probes which upstream. */
  readonly probes: SharedArrayBuffer;
  /** Users named in metrics. */
  readonly countedUsers?: readonly string[] | undefined;
}

/** The same, as sent to a worker. */
export interface Setup extends Served {
  /** Number of the configuration; each reload increments it. */
  readonly generation: number;
  readonly asksForPasswords: boolean;
}

/** Memory that all workers share. */
export interface CommonBuffers {
  /** Which worker owns which descriptor. */
  readonly descriptors: SharedArrayBuffer;
  /** Counters for limits. */
  readonly counters: SharedArrayBuffer;
  /** Knowledge about paths. */
  readonly paths: SharedArrayBuffer;
  /** The table of fake addresses; undefined if there is none. */
  readonly names?: SharedArrayBuffer | undefined;
  /** The last session's number, then each worker's count of sessions. BigInt64, because 2^31 numbers last only some months. */
  readonly sessions: SharedArrayBuffer;
}

/** Data of one worker. */
export interface WorkerPart extends CommonBuffers {
  readonly setup: Setup;
  /** Users whose quota is used up, and until when. */
  readonly usedUp: ReadonlyMap<string, string>;
  /** Listeners taken over from another program, by address. */
  readonly successors: ReadonlyMap<string, Successors>;
  /** From 1; its place in the shared memory. */
  readonly number: number;
  /** Number of workers. */
  readonly workers: number;
  /** Haste of the wall clock, the same in all threads. */
  readonly haste: number;
}

/** Start data of a worker. */
export interface WorkerStart extends WorkerPart {
  readonly gate46: "worker";
  readonly port: MessagePort;
}

/**
 * What a worker cannot do itself, because it waits in the kernel and not in its runtime; done for `asker`, undefined for the
 * gateway itself.
 */
export type Asked =
  & { readonly asker?: Asker | undefined }
  & (
    | { readonly type: "resolve"; readonly name: string }
    | { readonly type: "reverse"; readonly address: string }
    /** `place` is the index of a DNS server in the configuration. */
    | { readonly type: "dns"; readonly place: number; readonly question: DnsQuestion }
    | { readonly type: "verify"; readonly username: Uint8Array; readonly password: Uint8Array; readonly client: string }
    /** An InitiatorStepped. */
    | ({ readonly type: "gss-step" } & InitiatorStep)
    | TlsQuestion
  );

/** Answered by the configuration of that generation. */
export type Question = Asked & { readonly generation: number };

/** Asks the main thread; `memory` is transferred to it. Rejects with NetError. */
export type Ask = (question: Question, memory?: ArrayBuffer[], cut?: Cut) => Promise<unknown>;

/** The same, for one configuration. */
export type AskAbout = (question: Asked, memory?: ArrayBuffer[], cut?: Cut) => Promise<unknown>;

/** Orders of the main thread to a worker, and the answers. */
export type Order =
  /** A Snapshot. */
  | { readonly type: "metrics" }
  /** Answer: its Activity, as JSON, which transfers in a tenth of the time. */
  | { readonly type: "activity"; readonly sessions: WantedSessions }
  /** Answer: number of sessions ended. */
  | { readonly type: "end-sessions"; readonly unwanted: Unwanted }
  /** Users whose quota is used up now. Answer: number of their sessions ended. */
  | { readonly type: "quotas"; readonly usedUp: ReadonlyMap<string, string> }
  /** Answer: undefined, once new clients are served by `setup`. */
  | { readonly type: "reload"; readonly setup: Setup }
  /** Answer: number of sessions cut. */
  | { readonly type: "drain"; readonly deadlineMs: number }
  /** To a worker that drains. Answer: undefined. */
  | { readonly type: "cut-rest" };

export type FromWorker =
  | Letter<Question>
  | { readonly type: "listening"; readonly wakeFd: number }
  | { readonly type: "not-listening"; readonly kind: NetErrorKind; readonly message: string }
  | News;

/** Messages of a worker that are no answers. */
export type News =
  | { readonly type: "upstream"; readonly event: UpstreamEvent }
  /** Sent every PULSE_MS, to detect a worker that hangs; with its counts since the last pulse. */
  | {
    readonly type: "pulse";
    readonly vitals: ThreadVitals;
    readonly counts: Float64Array;
    readonly usage: readonly Usage[];
    /** Undefined without a collector. */
    readonly sessions?: EndedSessions | undefined;
  }
  /** The last session of a former generation has ended. */
  | { readonly type: "retired"; readonly generation: number };

export type ToWorker = Letter<Order>;
