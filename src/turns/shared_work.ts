import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Asker, EndTurn, FairQueue } from "./fair_queue.ts";

/** Work that several wait for; `unwanted` is made when all of them have left. */
export type Work<T> = (unwanted: Cut) => Promise<T>;

/** One piece of work, from the first who asks for it to its end. */
class Flight<T> {
  readonly outcome: Promise<T>;
  /** Made when it has begun: nobody needs another turn for it. */
  readonly begun = new Cut();
  readonly unwanted = new Cut();
  wantedBy = 0;
  readonly #begin: (end: EndTurn) => void;

  constructor(work: Work<T>, over: () => void) {
    let begin!: (end: EndTurn) => void;
    this.outcome = new Promise<EndTurn>((resolve) => begin = resolve)
      .then((end) => work(this.unwanted).finally(end)).finally(over);
    this.outcome.catch(() => {}); // everyone may have left
    this.#begin = begin;
  }

  begin(end: EndTurn): void {
    if (this.begun.made || this.unwanted.made) return end();
    this.begun.make();
    this.#begin(end);
  }
}

/**
 * Work that those who ask for one thing at one time share. It begins in the turn of whichever of them is first, so that
 * nobody waits in another's place; and it is called off when nobody wants it any more.
 */
export class SharedWork<T> {
  readonly #queue: FairQueue;
  readonly #flights = new Map<string, Flight<T>>();

  constructor(queue: FairQueue) {
    this.#queue = queue;
  }

  /**
   * What `work` for `key` comes to. Rejects as it does, and with NetError: "aborted" by the cut, or "busy" where the queue
   * has no place for the asker.
   */
  ask(key: string, asker: Asker, cut: Cut | undefined, work: Work<T>): Promise<T> {
    const flight = this.#flights.get(key) ?? this.#fly(key, work);
    flight.wantedBy++;
    return new Promise((resolve, reject) => {
      // Made when this one needs no turn any more: the work has begun, or this one has left.
      const served = new Cut();
      let release = () => {};
      const leave = (error: unknown) => {
        release();
        served.make();
        reject(error);
        if (--flight.wantedBy > 0) return;
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.unwanted.make();
      };
      if (!flight.begun.made) {
        flight.begun.on(() => served.make());
        this.#queue.turn(asker, served).then((end) => flight.begin(end), (error) => served.made || leave(error));
      }
      if (cut) release = cut.on(() => leave(new NetError("aborted", `Cannot wait for ${key}: given up`)));
      flight.outcome.then(resolve, reject).finally(release);
    });
  }

  #fly(key: string, work: Work<T>): Flight<T> {
    const flight = new Flight(work, () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }
}
