import { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Asker, EndTurn, FairQueue } from "./fair_queue.ts";

/** The turn in which the work began. It ends with the work, or earlier. */
export interface Turn {
  readonly asker: Asker;
  readonly end: EndTurn;
}

/** Work that several askers wait for; `unwanted` fires when all of them have left. */
export type Work<T> = (unwanted: Cut, turn: Turn) => Promise<T>;

/** The place of one asker in the queue, however often it asks for the same. */
interface Place {
  /** Fires when no turn is needed any more: the work has begun, or no asker waits in this place. */
  readonly served: Cut;
  readonly leave: Set<(error: unknown) => void>;
}

/** One piece of work, from its first asker to its end. */
class Flight<T> {
  readonly outcome: Promise<T>;
  /** Fires when the work has begun: no other turn is needed for it. */
  readonly begun = new Cut();
  readonly unwanted = new Cut();
  wantedBy = 0;
  readonly places = new Map<string, Place>();
  readonly #begin: (turn: Turn) => void;

  constructor(work: Work<T>, over: () => void) {
    let begin!: (turn: Turn) => void;
    this.outcome = new Promise<Turn>((resolve) => begin = resolve)
      .then((turn) => work(this.unwanted, turn).finally(turn.end)).finally(over);
    this.outcome.catch(() => {}); // all askers may have left
    this.#begin = begin;
  }

  begin(turn: Turn): void {
    if (this.begun.made || this.unwanted.made) return turn.end();
    this.begun.make();
    this.#begin(turn);
  }
}

/**
 * Work shared by all who ask for the same key at the same time. It begins in the first turn that any of them gets, and is
 * cancelled when the last of them has left.
 */
export class SharedWork<T> {
  readonly #queue: FairQueue;
  readonly #flights = new Map<string, Flight<T>>();

  constructor(queue: FairQueue) {
    this.#queue = queue;
  }

  /** True if an asker waits for `key` now. */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * The result of `work` for `key`; no error message contains `key`. Rejects as the work does, and with NetError: "aborted" by
   * the cut, or "busy" if the queue has no place for the asker, which takes one place however often it asks.
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

  /** The place in which that asker waits for its turn. */
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
