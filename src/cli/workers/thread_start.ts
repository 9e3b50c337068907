import { isMainThread, workerData } from "node:worker_threads";
import type { SaidConfig } from "../files/load_config.ts";
import type { GssThreadStart } from "../service/threads/gss_asking.ts";
import type { WorkerStart } from "./worker_messages.ts";

/** What a thread is started with that is to read a configuration. */
export interface ConfigThreadStart {
  readonly gate46: "config";
  readonly said: SaidConfig;
}

/** What a thread is started with that will be told later which worker it is. */
export interface AheadStart {
  readonly gate46: "ahead";
}

export type ThreadStart = WorkerStart | AheadStart | ConfigThreadStart | GssThreadStart;

const kinds: readonly unknown[] = ["worker", "ahead", "config", "gss"] satisfies readonly ThreadStart["gate46"][];

/** What this thread was started with, where it is one of ours. */
export function threadStart(): ThreadStart | undefined {
  const start = isMainThread ? undefined : workerData as ThreadStart | undefined;
  return kinds.includes(start?.gate46) ? start : undefined;
}
