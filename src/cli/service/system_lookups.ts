import { availableParallelism } from "node:os";
import type { Ear } from "../../dns/asked.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { lookupTurns, systemResolver } from "../../dns/system/getaddrinfo.ts";
import type { FairQueue } from "../../turns/fair_queue.ts";
import { runtime } from "../version.ts";

/** Threads that call getaddrinfo, whatever the cores; Bun has as many as there are of those. */
const DENO_THREADS = 32;

/** Whoever asks in this process shares them. */
const turns: FairQueue = lookupTurns(runtime.startsWith("bun") ? availableParallelism() : DENO_THREADS);

/** The system's resolver of this process. */
export function systemLookups(ear?: Ear): Resolver {
  return systemResolver(ear, turns);
}
