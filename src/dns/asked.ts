import { NetError } from "../net/error.ts";
import { Rcode } from "./servers/message.ts";
import type { Transport } from "./servers/transport.ts";

/** Who asks many at a time gives up a question that another has answered; by then this one had been silent for so long (ms). */
const SILENT_MS = 1_000;

/** Whom a question went to. */
export type AskedBy = "system" | "udp" | "tcp" | "tls" | "https";

/** One question to a resolver or a name server, and what became of it. Nothing of the question itself. */
export interface Asked {
  /** How it was asked. */
  readonly by: AskedBy;
  /** "none" is an answer too: there is no such name. "called-off" says nothing about who was asked. */
  readonly outcome: "found" | "none" | "failed" | "called-off";
  /** How long the answer took. */
  readonly ms: number;
}

/** What the cache had for a question: "stale" is what had run out, which serves where nobody answers in time (RFC 8767). */
export type CacheOutcome = "hit" | "miss" | "stale";

/** Whoever wants to know how names fare. */
export interface Ear {
  /** Somebody was asked. */
  asked(asked: Asked): void;
  /** What was kept was looked up. */
  cached(outcome: CacheOutcome): void;
}

/** `transport`, of which `ear` hears. */
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

/** What `look` comes to, a single lookup of the system's resolver, of which `ear` hears. */
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

/** Tells how it went, and how long it took since this was called. */
function timed(by: AskedBy, ear: Ear): (outcome: Asked["outcome"]) => void {
  const startedAt = performance.now();
  return (outcome) => {
    const ms = performance.now() - startedAt;
    ear.asked({ by, outcome: outcome === "called-off" && ms >= SILENT_MS ? "failed" : outcome, ms });
  };
}
