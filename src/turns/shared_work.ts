import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Asker, EndTurn, FairQueue } from "./fair_queue.ts";

/** The turn that work began in. It ends with the work, or before. */
export interface Turn {
  readonly asker: Asker;
  readonly end: EndTurn;
}

/** Work that several wait for; `unwanted` is made when all of them have left. */
export type Work<T> = (unwanted: Cut, turn: Turn) => Promise<T>;

/** The place of one asker in the queue, however often it asks for the same. */
interface Place {
  /** Made when no turn is needed any more: the work has begun, or nobody waits in this place. */
  readonly served: Cut;
  readonly leave: Set<(error: unknown) => void>;
}

/** One piece of work, from the first who asks for it to its end. */
class Flight<T> {
  readonly outcome: Promise<T>;
  /** Made when it has begun: nobody needs another turn for it. */
  readonly begun = new Cut();
  readonly unwanted = new Cut();
  wantedBy = 0;
  readonly places = new Map<string, Place>();
  readonly #begin: (turn: Turn) => void;

  constructor(work: Work<T>, over: () => void) {
    let begin!: (turn: Turn) => void;
    this.outcome = new Promise<Turn>((resolve) => begin = resolve)
      .then((turn) => work(this.unwanted, turn).finally(turn.end)).finally(over);
    this.outcome.catch(() => {}); // everyone may have left
    this.#begin = begin;
  }

  begin(turn: Turn): void {
    if (this.begun.made || this.unwanted.made) return turn.end();
    this.begun.make();
    this.#begin(turn);
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

  /** Whether somebody waits for that now. */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * What `work` for `key` comes to, which is in no error's text. Rejects as the work does, and with NetError: "aborted" by the
   * cut, or "busy" where the queue has no place for the asker, which takes one however often it asks.
   */
  ask(key: string, asker: Asker, cut: Cut | undefined, work: Work<T>): Promise<T> {
    const flight = this.#flights.get(key) ?? this.#fly(key, work);
    flight.wantedBy++;
    return new Promise((resolve, reject) => {
      let release = () => {};
      const leave = (error: unknown) => {
        release();
        if (place?.leave.delete(leave) && place.leave.size === 0) this.#giveUp(flight, asker, place);
        reject(error);
        if (--flight.wantedBy > 0) return;
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.unwanted.make();
      };
      const place = flight.begun.made ? undefined : this.#place(flight, asker);
      place?.leave.add(leave);
      if (cut) release = cut.on(() => leave(new NetError("aborted", "Cannot wait for what others want too: given up")));
      flight.outcome.then(resolve, reject).finally(release);
    });
  }

  /** Where that asker waits for its turn at it. */
  #place(flight: Flight<T>, asker: Asker): Place {
    const name = nameOf(asker);
    const known = flight.places.get(name);
    if (known) return known;
    const place: Place = { served: new Cut(), leave: new Set() };
    flight.places.set(name, place);
    flight.begun.on(() => place.served.make());
    this.#queue.turn(asker, place.served).then((end) => flight.begin({ asker, end }), (error) => {
      if (place.served.made) return;
      this.#giveUp(flight, asker, place);
      for (const leave of place.leave) leave(error);
    });
    return place;
  }

  #giveUp(flight: Flight<T>, asker: Asker, place: Place): void {
    place.served.make();
    flight.places.delete(nameOf(asker));
  }

  #fly(key: string, work: Work<T>): Flight<T> {
    const flight = new Flight(work, () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }
}

function nameOf({ client, user = "" }: Asker): string {
  return `${client} ${user}`;
}
