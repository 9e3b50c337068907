import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";

/** The client and user that a turn counts for. */
export interface Asker {
  /** A household(); the empty text stands for the gateway itself. */
  readonly client: string;
  /** Of that client. */
  readonly user?: string | undefined;
}

export const THE_GATEWAY: Asker = { client: "" };

/** Bounds for all askers together, for one client, and for one user of a client. */
export interface Bounds {
  readonly all: number;
  readonly client: number;
  readonly user: number;
}

/** Ends a turn; further calls do nothing. */
export type EndTurn = () => void;

interface Waiting {
  readonly begin: (end: EndTurn) => void;
  readonly refuse: (error: NetError) => void;
}

/** Running and waiting turns of one user, one client, or all clients. */
class Share {
  readonly parent: Share | undefined;
  readonly name: string;
  underWay = 0;
  waiting = 0;
  /** Shares below this one, by name; waiting ones are served in the order of this map and then move to its end. */
  readonly parts = new Map<string, Share>();
  /** For a user: in order of arrival. */
  readonly queue = new Set<Waiting>();

  constructor(name: string, parent?: Share) {
    this.name = name;
    this.parent = parent;
  }

  part(name: string): Share {
    let part = this.parts.get(name);
    if (!part) this.parts.set(name, part = new Share(name, this));
    return part;
  }

  count(field: "underWay" | "waiting", by: 1 | -1): void {
    this[field] += by;
    this.parent?.count(field, by);
    if (this.underWay === 0 && this.waiting === 0) this.parent?.parts.delete(this.name);
  }
}

/**
 * Turns at work that all sessions share. Clients take turns, and so do the users of a client: however much one of them asks
 * for, another waits for at most one turn of each. The queue is bounded: beyond the bound, the client with the most
 * waiting turns loses its last one. A client without running or waiting turns takes no memory.
 * @internal
 */
export class FairQueue {
  readonly #what: string;
  readonly #atOnce: Bounds;
  readonly #waiting: Bounds;
  readonly #all = new Share("");

  /** `what` is the work, as error messages name it: "resolve names". `atOnce` bounds running turns, `waiting` bounds waiting ones. */
  constructor(what: string, atOnce: Bounds, waiting: Bounds) {
    this.#what = what;
    this.#atOnce = atOnce;
    this.#waiting = waiting;
  }

  /** Running turns. */
  get underWay(): number {
    return this.#all.underWay;
  }

  /** Waiting turns. */
  get waiting(): number {
    return this.#all.waiting;
  }

  /** Resolves at the asker's turn, with the function that ends it. Rejects with NetError: "aborted" by the cut, or "busy". */
  turn({ client, user = "" }: Asker, cut?: Cut): Promise<EndTurn> {
    if (cut?.made) return Promise.reject(this.#aborted());
    const share = this.#all.part(client).part(user);
    if (this.#all.waiting === 0 && this.#mayBegin(share)) return Promise.resolve(this.#begin(share));
    const room = this.#hasRoom(share);
    if (!room) {
      share.count("waiting", 1); // releases a share that was made for this turn
      share.count("waiting", -1);
      return Promise.reject(this.#busy());
    }
    return new Promise((resolve, reject) => {
      let release = () => {};
      const one: Waiting = {
        begin: (end) => {
          release();
          resolve(end);
        },
        refuse: (error) => {
          release();
          reject(error);
        },
      };
      share.queue.add(one);
      share.count("waiting", 1);
      if (cut) {
        release = cut.on(() => {
          if (share.queue.delete(one)) share.count("waiting", -1);
          reject(this.#aborted());
        });
      }
      this.#next();
    });
  }

  /** The result of `work`, done in a turn of the asker. Rejects as turn() and `work` do. */
  async run<T>(asker: Asker, cut: Cut | undefined, work: () => Promise<T>): Promise<T> {
    const end = await this.turn(asker, cut);
    try {
      return await work();
    } finally {
      end();
    }
  }

  #mayBegin(user: Share): boolean {
    return this.#all.underWay < this.#atOnce.all && user.parent!.underWay < this.#atOnce.client &&
      user.underWay < this.#atOnce.user;
  }

  #begin(share: Share): EndTurn {
    share.count("underWay", 1);
    toTheEnd(share);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      toTheEnd(share);
      share.count("underWay", -1);
      this.#next();
    };
  }

  /** Starts waiting turns while there is room. */
  #next(): void {
    for (let share = this.#choose(); share; share = this.#choose()) {
      const [one] = share.queue as Iterable<Waiting> as [Waiting];
      share.queue.delete(one);
      const end = this.#begin(share);
      share.count("waiting", -1);
      one.begin(end);
    }
  }

  /** The user whose turn is next: the first client in turn that may begin, and of that the first user. */
  #choose(): Share | undefined {
    if (this.#all.waiting === 0 || this.#all.underWay >= this.#atOnce.all) return undefined;
    for (const client of this.#all.parts.values()) {
      if (client.waiting === 0 || client.underWay >= this.#atOnce.client) continue;
      for (const user of client.parts.values()) {
        if (user.waiting === 0 || user.underWay >= this.#atOnce.user) continue;
        return user;
      }
    }
    return undefined;
  }

  /** True if one more turn may wait. If the queue is full, a client with more waiting turns gives up its last one. */
  #hasRoom(user: Share): boolean {
    const client = user.parent!;
    if (user.waiting >= this.#waiting.user) return false;
    if (client.waiting >= this.#waiting.client && !this.#giveUpLast(client, user)) return false;
    return this.#all.waiting < this.#waiting.all || this.#giveUpLast(this.#all, client);
  }

  /** Refuses the last waiting turn of the part of `share` that has the most, if that is more than `part` would have with one more. */
  #giveUpLast(share: Share, part: Share): boolean {
    let greediest: Share | undefined;
    for (const other of share.parts.values()) if (other.waiting > (greediest?.waiting ?? 0)) greediest = other;
    if (!greediest || greediest.waiting <= part.waiting + 1) return false;
    let user = greediest;
    while (user.parts.size > 0) {
      user = Array.from(user.parts.values()).reduce((most, one) => one.waiting > most.waiting ? one : most);
    }
    const last = Array.from(user.queue).at(-1)!;
    user.queue.delete(last);
    user.count("waiting", -1);
    last.refuse(this.#busy());
    return true;
  }

  #aborted(): NetError {
    return new NetError("aborted", `Cannot ${this.#what}: given up`);
  }

  #busy(): NetError {
    return new NetError("busy", `Cannot ${this.#what}: too many at a time`);
  }
}

/** It has just had a turn, so others come first. */
function toTheEnd(share: Share): void {
  for (let part = share; part.parent; part = part.parent) {
    part.parent.parts.delete(part.name);
    part.parent.parts.set(part.name, part);
  }
}
