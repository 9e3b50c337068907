import type { Clock } from "../../net/clock.ts";

/** Interval at which the counts of left-out lines are reported (ms). */
const INTERVAL_MS = 10_000;

/** Maximum lines of one kind for all clients together, as a multiple of one client's maximum. */
const CLIENTS = 50;

/** Maximum number of clients named in reports of left-out lines; the others are reported together. */
const NAMED = 10;

/** Reports how many lines of a kind were left out, and the client; undefined for several clients. */
export type Summary<K> = (kind: K, more: number, withinMs: number, client: string | undefined) => void;

interface Count {
  lines: number;
  more: number;
}

/**
 * Limits the lines that a stranger can cause: each client has a number of lines of each kind per interval, and further lines
 * are counted. Memory is bounded too, since only clients with a written line are stored.
 */
export class LogSampling<K> {
  readonly #clock: Clock;
  readonly #budget: number;
  readonly #summary: Summary<K>;
  readonly #kinds = new Map<K, Map<string | undefined, Count>>();
  #startedAt = 0;
  #ending: (() => void) | undefined;

  /** `budget` is the maximum lines of one client, per kind and interval. */
  constructor(clock: Clock, budget: number, summary: Summary<K>) {
    this.#clock = clock;
    this.#budget = budget;
    this.#summary = summary;
  }

  /** True if another line of this kind may be written about `client`. */
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

  /** Ends the interval, and reports the lines left out in it. */
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
