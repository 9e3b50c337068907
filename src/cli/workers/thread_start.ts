import { isMainThread, workerData } from "node:worker_threads";
import type { SaidConfig } from "../files/load_config.ts";
import type { GssThreadStart } from "../service/threads/gss_asking.ts";
import type { WorkerStart } from "./worker_messages.ts";

/** What a thread is started with that is to read a configuration. */
export interface ConfigThreadStart {
  readonly gate46: "config";
  readonly said: SaidConfig;
}

export type ThreadStart = WorkerStart | ConfigThreadStart | GssThreadStart;

const kinds: readonly unknown[] = ["worker", "config", "gss"] satisfies readonly ThreadStart["gate46"][];

/** What this thread was started with, where it is one of ours. */
export function threadStart(): ThreadStart | undefined {
  const start = isMainThread ? undefined : workerData as ThreadStart | undefined;
  return kinds.includes(start?.gate46) ? start : undefined;
}
