import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";

/** On whose account a turn counts. */
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

/** Ends a turn; calls after the first do nothing. */
export type EndTurn = () => void;

interface Waiting {
  readonly begin: (end: EndTurn) => void;
  readonly refuse: (error: NetError) => void;
}

/** What one asker, one client, or everybody has under way and waiting. */
class Share {
  readonly parent: Share | undefined;
  readonly name: string;
  underWay = 0;
  waiting = 0;
  /** Shares below this one, by name; those that wait are served in the order of this map, and then go to its end. */
  readonly parts = new Map<string, Share>();
  /** Of a user: in the order they came. */
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
 * Turns at something that all sessions share. Clients take turns, and so do the users of a client, so that however much one
 * of them asks for, another waits for one turn of each. What waits is bounded: beyond the bound, whoever has the most
 * waiting loses the last of it. Nothing is kept for an asker that has nothing under way and nothing waiting.
 * @internal
 */
export class FairQueue {
  readonly #what: string;
  readonly #atOnce: Bounds;
  readonly #waiting: Bounds;
  readonly #all = new Share("");

  /** `what` cannot be done, as errors say it: "resolve names". `atOnce` bounds turns under way, `waiting` those to come. */
  constructor(what: string, atOnce: Bounds, waiting: Bounds) {
    this.#what = what;
    this.#atOnce = atOnce;
    this.#waiting = waiting;
  }

  /** Turns under way. */
  get underWay(): number {
    return this.#all.underWay;
  }

  /** Turns that are waited for. */
  get waiting(): number {
    return this.#all.waiting;
  }

  /** Resolves when it is the asker's turn, with how to end it. Rejects with NetError: "aborted" by the cut, or "busy". */
  turn({ client, user = "" }: Asker, cut?: Cut): Promise<EndTurn> {
    if (cut?.made) return Promise.reject(this.#aborted());
    const share = this.#all.part(client).part(user);
    if (this.#all.waiting === 0 && this.#mayBegin(share)) return Promise.resolve(this.#begin(share));
    const room = this.#hasRoom(share);
    if (!room) {
      share.count("waiting", 1); // lets go of a share that was made for this
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

  /** What `work` comes to in a turn of the asker's. Rejects as turn() and `work` do. */
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

  /** Gives turns away while there are any. */
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

  /** Whether one more may wait; where all places are taken, whoever has more waiting than that gives up its last. */
  #hasRoom(user: Share): boolean {
    const client = user.parent!;
    if (user.waiting >= this.#waiting.user) return false;
    if (client.waiting >= this.#waiting.client && !this.#giveUpLast(client, user)) return false;
    return this.#all.waiting < this.#waiting.all || this.#giveUpLast(this.#all, client);
  }

  /** Refuses the last that the greediest part of `share` has waiting, where that is more than `part` would have with one more. */
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

/** Others come before it: it has just had a turn. */
function toTheEnd(share: Share): void {
  for (let part = share; part.parent; part = part.parent) {
    part.parent.parts.delete(part.name);
    part.parent.parts.set(part.name, part);
  }
}
