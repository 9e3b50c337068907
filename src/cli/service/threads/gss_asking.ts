import { Worker } from "node:worker_threads";
import type { Config } from "../../../config/config.ts";
import { ConfigError } from "../../../config/config_error.ts";
import { NetError } from "../../../net/error.ts";
import type { GssCalls } from "../../../net/gss/gss_calls.ts";
import type { GssInitiator } from "../../../net/gss/gss.ts";
import { initiatorBy, type TakeStep } from "../../../net/gss/gss_initiator.ts";
import { gssThreads, stepInThread } from "./gss_threads.ts";
import { gssLoader } from "../../../net/open.ts";
import { parseHops } from "../../../sockslib/chain/hop.ts";
import { namedUpstream } from "../../../gateway/upstreams/upstream.ts";
import { checkDescriptorsFor } from "./thread_descriptors.ts";

/** Start data of a thread that asks KDCs. */
export interface GssThreadStart {
  readonly gate46: "gss";
}

/** Threads that ask KDCs for tickets, so that other threads do not wait; each begins with the module `entry`. */
export function askingThreads(entry: string | URL, open: () => GssCalls): TakeStep {
  return gssThreads(() => {
    checkDescriptorsFor(1, "ask for a ticket");
    const workerData: GssThreadStart = { gate46: "gss" };
    return new Worker(entry as string, { workerData });
  }, open);
}

/** The whole work of such a thread. */
export async function serveSteps(): Promise<void> {
  stepInThread((await gssLoader())());
}

/** Throws ConfigError if a gateway requires a ticket and there is no GSSAPI library. */
export function checkInitiator(
  { upstreams }: Config,
  vias: readonly (readonly string[])[],
  open: () => GssCalls,
): void {
  const chains = [
    ...vias.filter((via) => namedUpstream(via) === undefined),
    ...upstreams.flatMap(({ chains }) => chains),
  ];
  if (!chains.some((urls) => parseHops(urls).some(({ gssapi }) => gssapi))) return;
  try {
    open();
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new ConfigError(`Cannot go through a gateway by ?gssapi=: ${error.message}`);
  }
}

/** Tickets for programs that use gateways by the Socks Lib. Rejects with NetError if there is no GSSAPI library. */
export async function openInitiator(entry: string | URL): Promise<GssInitiator> {
  const open = await gssLoader();
  open();
  return initiatorBy(askingThreads(entry, open), open);
}
