import type { Clock } from "../../net/clock.ts";

/** What is alike is counted for so long, and then told (ms). */
const INTERVAL_MS = 10_000;

/** Lines of one kind, of all clients together, are at most so many times those of one client. */
const CLIENTS = 50;

/** Clients that are told of by name when lines of theirs were left out; the others are told of together. */
const NAMED = 10;

/** How many lines of a kind were left out, and whose; undefined: of several. */
export type Summary<K> = (kind: K, more: number, withinMs: number, client: string | undefined) => void;

interface Count {
  lines: number;
  more: number;
}

/**
 * Bounds what a stranger can have written: of each kind of line a client has so many in each interval, and what is beyond
 * is counted. Memory is bounded too, since only a client that has had a line is known.
 */
export class LogSampling<K> {
  readonly #clock: Clock;
  readonly #budget: number;
  readonly #summary: Summary<K>;
  readonly #kinds = new Map<K, Map<string | undefined, Count>>();
  #startedAt = 0;
  #ending: (() => void) | undefined;

  /** `budget` is a client's. */
  constructor(clock: Clock, budget: number, summary: Summary<K>) {
    this.#clock = clock;
    this.#budget = budget;
    this.#summary = summary;
  }

  /** Whether one more line of this kind is to be written about `client`. */
  takes(kind: K, client: string): boolean {
    if (this.#budget === Infinity) return true;
    if (!this.#ending) {
      this.#startedAt = this.#clock.now();
      this.#ending = this.#clock.after(INTERVAL_MS, () => this.end());
    }
    let clients = this.#kinds.get(kind);
    if (!clients) this.#kinds.set(kind, clients = new Map([[undefined, { lines: 0, more: 0 }]]));
    const all = clients.get(undefined)!;
    const known = clients.get(client);
    if (all.lines >= CLIENTS * this.#budget || (known && known.lines >= this.#budget)) {
      (known ?? all).more++;
      return false;
    }
    all.lines++;
    if (known) known.lines++;
    else clients.set(client, { lines: 1, more: 0 });
    return true;
  }

  /** Ends the interval, and tells what was left out in it. */
  end(): void {
    this.#ending?.();
    this.#ending = undefined;
    const withinMs = this.#clock.now() - this.#startedAt;
    for (const [kind, clients] of this.#kinds) {
      const most = [...clients].filter(([client, { more }]) => client !== undefined && more > 0)
        .sort(([, a], [, b]) => b.more - a.more);
      for (const [client, { more }] of most.slice(0, NAMED)) this.#summary(kind, more, withinMs, client);
      const others = most.slice(NAMED).reduce((sum, [, { more }]) => sum + more, clients.get(undefined)!.more);
      if (others > 0) this.#summary(kind, others, withinMs, undefined);
    }
    this.#kinds.clear();
  }
}
