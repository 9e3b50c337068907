import { isMainThread, workerData } from "node:worker_threads";
import type { SaidConfig } from "../../files/load_config.ts";
import type { GssThreadStart } from "../../service/threads/gss_asking.ts";
import type { WorkerStart } from "./worker_messages.ts";

/** Start data of a thread that reads a configuration. */
export interface ConfigThreadStart {
  readonly gate46: "config";
  readonly said: SaidConfig;
}

/** Start data of a thread that gets its worker's start data later. */
export interface AheadStart {
  readonly gate46: "ahead";
}

export type ThreadStart = WorkerStart | AheadStart | ConfigThreadStart | GssThreadStart;

const kinds: readonly unknown[] = ["worker", "ahead", "config", "gss"] satisfies readonly ThreadStart["gate46"][];

/** Start data of this thread; undefined if it is not one of ours. */
export function threadStart(): ThreadStart | undefined {
  const start = isMainThread ? undefined : workerData as ThreadStart | undefined;
  return kinds.includes(start?.gate46) ? start : undefined;
}
