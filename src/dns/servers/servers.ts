import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import { type Outcome, readOutcome } from "./answer.ts";
import { type Question, Rcode } from "./message.ts";
import type { Transport } from "./transport.ts";

/** Policy for several servers. */
export interface ServersManner {
  /** Head start of a server before the next is asked too (ms); its late answer still counts. */
  readonly headStartMs: number;
  /** Time for one question over all servers (ms). */
  readonly totalMs: number;
  /** Which server is asked first: the one that answered last, the first working one, or each in turn. */
  readonly first: "last-good" | "listed" | "rotating";
}

export const usualServersManner: ServersManner = { headStartMs: 1_000, totalMs: 5_000, first: "last-good" };

/** A failed server is asked last for so long, doubled after each failure. */
const BACKOFF_MS = 1_000, MAX_BACKOFF_MS = 60_000;

interface Server {
  readonly transport: Transport;
  failures: number;
  restsUntil: number;
  /** When it answered last. */
  answeredAt: number;
}

/** Name servers, asked one after the other until one answers. */
export class Servers {
  readonly #clock: Clock;
  readonly #manner: ServersManner;
  /** In the order to ask them. */
  readonly #servers: Server[];
  readonly #closed = new Cut();

  constructor(transports: readonly Transport[], clock: Clock, manner: ServersManner = usualServersManner) {
    this.#clock = clock;
    this.#manner = manner;
    this.#servers = transports.map((transport) => ({
      transport,
      failures: 0,
      restsUntil: 0,
      answeredAt: -Infinity,
    }));
  }

  get headStartMs(): number {
    return this.#manner.headStartMs;
  }

  get totalMs(): number {
    return this.#manner.totalMs;
  }

  /**
   * The first server's answer. The next server is asked after a failure, or after the head start. Rejects with
   * NetError: "name-lookup-failed", or "aborted" by the cut.
   */
  ask(question: Question, cut: Cut): Promise<Outcome> {
    if (this.#closed.made) return Promise.reject(failed(question.name, "closed"));
    if (cut.made) return Promise.reject(aborted(question.name));
    const askedAt = this.#clock.now();
    const order = this.#order(askedAt);
    return new Promise((resolve, reject) => {
      const over = new Cut();
      const said = new Map<Server, string>();
      let started = 0, running = 0;
      let cancelNext = () => {};
      const finish = () => {
        cancelNext();
        cancelTotal();
        releases.forEach((release) => release());
        over.make();
      };
      const giveUp = (state: string) => {
        finish();
        reject(failed(question.name, state));
      };
      const lastSaid = () => Array.from(said.values()).at(-1) ?? "no answer";
      const cancelTotal = this.#clock.after(this.#manner.totalMs, () => {
        for (const server of order.slice(0, started)) if (!said.has(server)) this.#useless(server, askedAt);
        giveUp(lastSaid());
      });
      const failedWith = (server: Server, state: string) => {
        running--;
        said.set(server, state);
        attempt();
      };
      const attempt = () => {
        cancelNext();
        const server = order[started];
        if (!server) return running === 0 ? giveUp(lastSaid()) : undefined;
        started++;
        running++;
        cancelNext = this.#clock.after(this.#manner.headStartMs, attempt);
        server.transport.ask(question, over).then((reply) => {
          if (over.made) return;
          const outcome = readOutcome(question, reply);
          if (!outcome) {
            if (reply.rcode !== Rcode.ServFail) this.#useless(server, askedAt);
            return failedWith(server, rcodeText(reply.rcode));
          }
          finish();
          const slower = order.slice(0, order.indexOf(server)).filter((one) => !said.has(one));
          for (const one of slower) this.#useless(one, askedAt);
          this.#answered(server);
          resolve(outcome);
        }, (error) => {
          if (over.made) return;
          this.#failed(server);
          failedWith(server, error instanceof Error ? error.message : String(error));
        });
      };
      const releases = [
        this.#closed.on(() => giveUp("closed")),
        cut.on(() => {
          finish();
          reject(aborted(question.name));
        }),
      ];
      attempt();
    });
  }

  close(): void {
    this.#closed.make();
    for (const { transport } of this.#servers) transport.close();
  }

  /** Failed servers are asked last. */
  #order(now: number): readonly Server[] {
    const servers = this.#servers;
    if (this.#manner.first === "rotating") servers.push(servers.shift()!);
    return servers.filter(({ restsUntil }) => restsUntil <= now)
      .concat(servers.filter(({ restsUntil }) => restsUntil > now));
  }

  #answered(server: Server): void {
    server.failures = server.restsUntil = 0;
    server.answeredAt = this.#clock.now();
    if (this.#manner.first !== "last-good") return;
    const at = this.#servers.indexOf(server);
    if (at > 0) this.#servers.unshift(...this.#servers.splice(at, 1));
  }

  /** It did not answer this question. If it has answered others since, the name is at fault, not the server. */
  #useless(server: Server, askedAt: number): void {
    if (server.answeredAt < askedAt) this.#failed(server);
  }

  #failed(server: Server): void {
    const now = this.#clock.now();
    if (now < server.restsUntil) return; // already counted for a simultaneous question
    server.restsUntil = now + Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** server.failures++);
  }
}

function failed(name: string, state: string): NetError {
  return new NetError("name-lookup-failed", `Cannot resolve '${name}': ${state}`);
}

function aborted(name: string): NetError {
  return new NetError("aborted", `Cannot resolve '${name}': given up`);
}

function rcodeText(rcode: number): string {
  if (rcode === Rcode.NoError || rcode === Rcode.NxDomain) return "an answer that cannot be read";
  const found = Object.entries(Rcode).find(([, value]) => value === rcode);
  return found ? found[0].toUpperCase() : `rcode ${rcode}`;
}
