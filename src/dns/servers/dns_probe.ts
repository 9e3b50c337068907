import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { Rcode } from "./message.ts";
import type { Transport } from "./transport.ts";

/** A server that has said nothing for so long is taken for dead (ms). */
const PATIENCE_MS = 3_000;

/** How a name server is. */
export interface ServerState {
  /** How long that took to find out. */
  readonly ms: number;
  /** Why it is of no use; undefined where it is alive. */
  readonly failure?: string;
  /** It is alive, but refuses this question: it may know names of its own, or resolve for others. */
  readonly refuses?: boolean;
}

/** Asks for what every server knows: "." has name servers wherever anything is resolved. Never rejects. */
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
