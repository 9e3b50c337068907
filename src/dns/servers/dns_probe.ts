import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { Rcode } from "./message.ts";
import type { Transport } from "./transport.ts";

/** A server that is silent for so long counts as dead (ms). */
const PATIENCE_MS = 3_000;

/** State of a name server. */
export interface ServerState {
  /** Time of the probe. */
  readonly ms: number;
  /** Why it is unusable; undefined if it is alive. */
  readonly failure?: string;
  /** It is alive, but refuses this question: it may serve its own zones only, or other clients only. */
  readonly refuses?: boolean;
}

/** Asks for the name servers of ".", which every resolver knows. Never rejects. */
export async function probe(server: Pick<Transport, "ask">, clock: Clock): Promise<ServerState> {
  const late = new Cut();
  const cancel = clock.after(PATIENCE_MS, () => late.make());
  const startedAt = clock.now();
  const state = await server.ask({ name: ".", type: "NS" }, late).then(
    ({ rcode }) =>
      rcode === Rcode.ServFail ? { failure: "it failed (SERVFAIL)" } : { refuses: rcode === Rcode.Refused },
    (error) => ({ failure: late.made ? `nothing within ${PATIENCE_MS} ms` : (error as Error).message }),
  );
  cancel();
  return { ms: clock.now() - startedAt, ...state };
}
