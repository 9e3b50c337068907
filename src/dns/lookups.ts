import type { Clock } from "../net/clock.ts";
import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import { FairQueue } from "../turns/fair_queue.ts";
import type { Turn } from "../turns/shared_work.ts";
import type { Outcome } from "./servers/answer.ts";
import type { Question } from "./servers/message.ts";
import type { Servers } from "./servers/servers.ts";

/**
 * Names asked for at a time, and names that wait for a turn. A name takes two questions with a descriptor each, and there may
 * be only 1,024 descriptors for all threads.
 */
const AT_ONCE = { all: 192, client: 96, user: 96 }, WAITING = { all: 8_192, client: 4_096, user: 4_096 };

/** The same for names that take longer than a turn. These do not queue. */
const SLOW = { all: 64, client: 32, user: 32 }, NONE = { all: 0, client: 0, user: 0 };

/** Time of a turn beyond a server's head start, so that the next server can answer (ms). */
const NEXT_SERVER_MS = 500;

/** All questions of one lookup, with those for its aliases, may take so many times the time of one question. */
const QUESTIONS_IN_A_ROW = 2;

/** Asks the servers within the lookup's time. Rejects with NetError. */
export type AskServers = (question: Question) => Promise<Outcome>;

/**
 * Lookups that share the servers. A turn is short: a lookup that takes longer continues in a place for slow lookups, or is
 * given up if its client already has all of its slow places; so unanswered names delay no other client.
 */
export class Lookups {
  readonly turns: FairQueue = new FairQueue("resolve names", AT_ONCE, WAITING);
  readonly #slow = new FairQueue("resolve slow names", SLOW, NONE);
  readonly #servers: Servers;
  readonly #clock: Clock;

  constructor(servers: Servers, clock: Clock) {
    this.#servers = servers;
    this.#clock = clock;
  }

  /** The result of `work` for `name`, in the turn that it was given. */
  async run<T>(name: string, unwanted: Cut, turn: Turn, work: (ask: AskServers) => Promise<T>): Promise<T> {
    const over = new Cut();
    let why: NetError | undefined, isOver = false;
    let endSlow = () => {};
    const giveUp = (error: NetError) => {
      why ??= error;
      over.make();
    };
    const release = unwanted.on(() => over.make());
    const cancelTurn = this.#clock.after(this.#servers.headStartMs + NEXT_SERVER_MS, () => {
      turn.end();
      this.#slow.turn(turn.asker).then((end) => isOver ? end() : endSlow = end, giveUp);
    });
    const lookupMs = QUESTIONS_IN_A_ROW * this.#servers.totalMs;
    const cancelLookup = this.#clock.after(
      lookupMs,
      () => giveUp(new NetError("name-lookup-failed", `Cannot resolve '${name}': no answer within ${lookupMs} ms`)),
    );
    try {
      return await work((question) =>
        this.#servers.ask(question, over).catch((error) => {
          throw why ?? error;
        })
      );
    } finally {
      isOver = true;
      release();
      cancelTurn();
      cancelLookup();
      endSlow();
    }
  }
}
