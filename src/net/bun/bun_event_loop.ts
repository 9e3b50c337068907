import { setImmediate } from "node:timers";
import type { RuntimeLoop } from "../linux/engine/engine_loop.ts";

/** The event loop of Bun. */
export async function runtimeLoop(): Promise<RuntimeLoop> {
  return { drain: (await import("bun:jsc")).drainMicrotasks, nextTurn: setImmediate };
}
