import type { MessagePort } from "node:worker_threads";
import type { Question as DnsQuestion } from "../dns/message.ts";
import type { Snapshot } from "../admin/aggregate.ts";
import type { UpstreamEvent } from "../events.ts";
import type { NetErrorKind } from "../net/error.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { ConfigText } from "./config_file.ts";

/** What the main thread and a worker say to each other. All of it can be cloned. */

/** What a worker is started with. */
export interface WorkerStart {
  readonly gate46: "worker";
  readonly config: ConfigText;
  /** Ports resolved; every worker listens on each. */
  readonly listen: readonly SocketAddr[];
  /** Listeners of the program that are not the gateway's. */
  readonly otherListeners: readonly SocketAddr[];
  readonly asksForPasswords: boolean;
  readonly port: MessagePort;
  /** From 1; its place in the shared memory. */
  readonly number: number;
  /** Which worker owns which descriptor. */
  readonly descriptors: SharedArrayBuffer;
  /** What is counted for limits, by all workers. */
  readonly counters: SharedArrayBuffer;
  /** Int32: the last session's number, then each worker's sessions. */
  readonly sessions: SharedArrayBuffer;
}

/** What a worker cannot do itself, since it waits in the kernel and not for its runtime. */
export type Question =
  | { readonly type: "resolve"; readonly name: string }
  | { readonly type: "reverse"; readonly address: string }
  /** `place` is that of a DNS server in the configuration. */
  | { readonly type: "dns"; readonly place: number; readonly question: DnsQuestion }
  | { readonly type: "verify"; readonly username: Uint8Array; readonly password: Uint8Array };

export type FromWorker =
  | { readonly type: "listening"; readonly wakeFd: number }
  | { readonly type: "not-listening"; readonly kind: NetErrorKind; readonly message: string }
  | { readonly type: "question"; readonly id: number; readonly question: Question }
  | { readonly type: "metrics"; readonly metrics: Snapshot }
  | { readonly type: "upstream"; readonly event: UpstreamEvent }
  | { readonly type: "drained"; readonly cut: number };

export type ToWorker =
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly kind: NetErrorKind; readonly message: string }
  | { readonly type: "metrics" }
  | { readonly type: "drain"; readonly deadlineMs: number };
