import { NetError } from "../net/error.ts";
import { Rcode } from "./servers/message.ts";
import type { Transport } from "./servers/transport.ts";

/** A caller that asks several servers gives up a question once another has answered it; a server silent for so long (ms) counts as slow then. */
const SILENT_MS = 1_000;

/** Where a question went. */
export type AskedBy = "system" | "udp" | "tcp" | "tls" | "https";

/** One question to a resolver or a name server, and its result. The question itself is not in it. */
export interface Asked {
  /** How it was asked. */
  readonly by: AskedBy;
  /** "none" is an answer too: no such name. "called-off" says nothing about the server. */
  readonly outcome: "found" | "none" | "failed" | "called-off";
  /** How long the answer took. */
  readonly ms: number;
}

/** The cache's result for a question: "stale" is an expired answer, used when no server answers in time (RFC 8767). */
export type CacheOutcome = "hit" | "miss" | "stale";

/** Listener for the results of lookups. */
export interface Ear {
  /** Somebody was asked. */
  asked(asked: Asked): void;
  /** What was kept was looked up. */
  cached(outcome: CacheOutcome): void;
}

/** `transport`, reporting to `ear`. */
export function heardTransport(transport: Transport, by: AskedBy, ear: Ear): Transport {
  return {
    ...transport,
    async ask(question, cut) {
      const tell = timed(by, ear);
      try {
        const reply = await transport.ask(question, cut);
        const { rcode } = reply;
        tell(rcode === Rcode.NoError ? "found" : rcode === Rcode.NxDomain ? "none" : "failed");
        return reply;
      } catch (error) {
        tell(cut.made ? "called-off" : "failed");
        throw error;
      }
    },
  };
}

/** The result of `look`, a single lookup of the system's resolver, reported to `ear`. */
export async function heardLookup<T>(ear: Ear | undefined, look: () => Promise<T>): Promise<T> {
  if (!ear) return await look();
  const tell = timed("system", ear);
  try {
    const found = await look();
    tell("found");
    return found;
  } catch (error) {
    const kind = error instanceof NetError ? error.kind : undefined;
    tell(kind === "no-such-name" ? "none" : kind === "aborted" || kind === "busy" ? "called-off" : "failed");
    throw error;
  }
}

/** Reports the result, and the time since this call. */
function timed(by: AskedBy, ear: Ear): (outcome: Asked["outcome"]) => void {
  const startedAt = performance.now();
  return (outcome) => {
    const ms = performance.now() - startedAt;
    ear.asked({ by, outcome: outcome === "called-off" && ms >= SILENT_MS ? "failed" : outcome, ms });
  };
}
