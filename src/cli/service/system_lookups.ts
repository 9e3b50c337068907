import { availableParallelism } from "node:os";
import type { Ear } from "../../dns/asked.ts";
import type { Resolver } from "../../dns/resolver.ts";
import { lookupTurns, systemResolver } from "../../dns/system/getaddrinfo.ts";
import type { FairQueue } from "../../turns/fair_queue.ts";
import { runtime } from "../version.ts";

/** Threads of Deno that call getaddrinfo, whatever the number of cores; Bun has one per core. */
const DENO_THREADS = 32;

/** Shared by all look-ups in this process. */
const turns: FairQueue = lookupTurns(runtime.startsWith("bun") ? availableParallelism() : DENO_THREADS);

/** The system's resolver of this process. */
export function systemLookups(ear?: Ear): Resolver {
  return systemResolver(ear, turns);
}
