import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import { type DnsReply, type Question, Rcode } from "./message.ts";
import type { Transport } from "./transport.ts";

/** A server has so long before the next is asked too; its answer still counts. */
const HEAD_START_MS = 1_000;

/** All tries of one question together. */
const TOTAL_MS = 5_000;

/** Questions that are asked at one time; the others wait for their turn, so many at most. */
const MAX_ASKED = 512, MAX_QUEUED = 8_192;

/** A server that failed is asked last for so long, each time twice as long. */
const BACKOFF_MS = 1_000, MAX_BACKOFF_MS = 60_000;

interface Server {
  readonly transport: Transport;
  failures: number;
  restsUntil: number;
}

/** Name servers, of which the one that answered last is asked first. */
export class Servers {
  readonly #clock: Clock;
  /** In the order to ask them. */
  readonly #servers: Server[];
  readonly #closed = new Cut();
  readonly #queue: (() => void)[] = [];
  #asked = 0;

  constructor(transports: readonly Transport[], clock: Clock) {
    this.#clock = clock;
    this.#servers = transports.map((transport) => ({ transport, failures: 0, restsUntil: 0 }));
  }

  /** A reply whose rcode is NOERROR or NXDOMAIN. Rejects with NetError "name-lookup-failed". */
  async ask(question: Question): Promise<DnsReply> {
    if (this.#closed.made) throw failed(question.name, "closed");
    if (this.#asked >= MAX_ASKED) await this.#turn(question);
    this.#asked++;
    try {
      return await this.#race(question);
    } finally {
      this.#asked--;
      this.#queue.shift()?.();
    }
  }

  close(): void {
    this.#closed.make();
    for (const { transport } of this.#servers) transport.close();
  }

  #turn({ name }: Question): Promise<void> {
    if (this.#queue.length >= MAX_QUEUED) throw failed(name, "too many questions at a time");
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  /** Each server in its turn, twice where it stays silent: the next begins when one has failed, or had its head start. */
  #race(question: Question): Promise<DnsReply> {
    const now = this.#clock.now();
    const order = this.#servers.filter(({ restsUntil }) => restsUntil <= now)
      .concat(this.#servers.filter(({ restsUntil }) => restsUntil > now));
    const tries = [...order, ...order, ...order];
    return new Promise((resolve, reject) => {
      const cut = new Cut();
      const said = new Map<Server, string>();
      let started = 0, running = 0, over = false;
      let cancelNext = () => {};
      const finish = () => {
        over = true;
        cancelNext();
        cancelTotal();
        release();
        cut.make();
      };
      const giveUp = (state: string) => {
        finish();
        reject(failed(question.name, state));
      };
      const cancelTotal = this.#clock.after(TOTAL_MS, () => {
        for (const server of order) if (!said.has(server)) this.#failed(server);
        giveUp(Array.from(said.values()).at(-1) ?? "no answer");
      });
      const release = this.#closed.on(() => giveUp("closed"));
      const attempt = () => {
        if (over) return;
        cancelNext();
        // Who has answered, though with a failure, is not asked the same again.
        while (started < tries.length && said.has(tries[started]!)) started++;
        const server = tries[started++];
        if (!server) return running === 0 ? giveUp(Array.from(said.values()).at(-1) ?? "no answer") : undefined;
        running++;
        cancelNext = this.#clock.after(HEAD_START_MS, attempt);
        server.transport.ask(question, cut).then((reply) => {
          if (over) return;
          running--;
          if (reply.rcode === Rcode.NoError || reply.rcode === Rcode.NxDomain) {
            finish();
            this.#answered(server, order.filter((one) => !said.has(one)));
            return resolve(reply);
          }
          if (reply.rcode !== Rcode.ServFail) this.#failed(server);
          said.set(server, rcodeText(reply.rcode));
          attempt();
        }, (error) => {
          if (over) return;
          running--;
          said.set(server, error instanceof Error ? error.message : String(error));
          this.#failed(server);
          attempt();
        });
      };
      attempt();
    });
  }

  /** `silent` are those that have not said anything, in the order they were asked: those before `server` are slower. */
  #answered(server: Server, silent: readonly Server[]): void {
    for (const before of silent.slice(0, silent.indexOf(server))) this.#failed(before);
    server.failures = server.restsUntil = 0;
    const at = this.#servers.indexOf(server);
    if (at > 0) this.#servers.unshift(...this.#servers.splice(at, 1));
  }

  #failed(server: Server): void {
    const now = this.#clock.now();
    if (now < server.restsUntil) return; // counted already, for a question of the same time
    server.restsUntil = now + Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** server.failures++);
  }
}

function failed(name: string, state: string): NetError {
  return new NetError("name-lookup-failed", `Cannot resolve '${name}': ${state}`);
}

function rcodeText(rcode: number): string {
  const found = Object.entries(Rcode).find(([, value]) => value === rcode);
  return found ? found[0].toUpperCase() : `rcode ${rcode}`;
}
