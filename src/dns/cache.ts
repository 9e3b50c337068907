import type { Clock } from "../net/clock.ts";
import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Asker, FairQueue } from "../turns/fair_queue.ts";
import { SharedWork, type Turn } from "../turns/shared_work.ts";
import type { CacheOutcome } from "./asked.ts";

/** The result of a question, and its lifetime. */
export type Learnt<T> =
  | { readonly value: T; readonly ttlMs: number }
  | { readonly error: NetError; readonly ttlMs: number };

/** A value, and the same while only a part of it is known. */
export interface Partly<T> {
  readonly value: T;
  /** The complete value. It may reject. */
  readonly whole?: Promise<T>;
}

/**
 * Asks for `key` in a turn, until it is `unwanted`, and may report a part of the value earlier. Rejects with NetError if nothing
 * was learnt: "aborted" or "busy".
 */
export type Ask<T> = (key: string, early: (part: T) => void, unwanted: Cut, turn: Turn) => Promise<Learnt<T>>;

/** Bounds of the lifetimes that servers give. */
const MIN_TTL_MS = 1_000, MAX_TTL_MS = 86_400_000;

/** How long an expired value may be used while servers do not answer (RFC 8767 s5: 1 to 3 days). */
const STALE_MS = 86_400_000;

/** How long a client waits for a new value before it gets an expired one (RFC 8767 s5, "client response timer"). */
const STALE_WAIT_MS = 1_800;

/** After a failure, an expired value is used for so long without asking again (RFC 8767 s5, "failure recheck timer"). */
const RECHECK_MS = 30_000;

/** In the last part of its lifetime, a value in use is asked for again. */
const REFRESH_AT = 0.9;

interface Entry<T> {
  /** Made once, so that a cached answer needs no allocation. */
  readonly whole: Promise<T>;
  readonly partly: Promise<Partly<T>>;
  readonly good: boolean;
  freshUntil: number;
  refreshAt: number;
  readonly staleUntil: number;
  /** True if it was used since the last search for a value to evict. */
  used: boolean;
}

/** Answers by key with their time to live; simultaneous requests for one key share one question. */
export class Cache<T> {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #ask: Ask<T>;
  readonly #told: (outcome: CacheOutcome) => void;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #asking: SharedWork<T>;
  /** For pending values: the part that is known, and the callers that wait for it. */
  readonly #parts = new Map<string, T>();
  readonly #waiting = new Map<string, Set<(part: T) => void>>();

  /** Questions are asked in turns of `queue`; `told` receives the cache's result for each request. */
  constructor(
    clock: Clock,
    limit: number,
    queue: FairQueue,
    ask: Ask<T>,
    told: (outcome: CacheOutcome) => void = () => {},
  ) {
    this.#clock = clock;
    this.#limit = limit;
    this.#asking = new SharedWork(queue);
    this.#ask = ask;
    this.#told = told;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The complete value. Rejects with NetError. */
  get(key: string, asker: Asker, cut?: Cut): Promise<T> {
    return this.#known(key, asker)?.whole ?? this.#learn(key, asker, cut);
  }

  /** The value as soon as a part of it is known. Rejects with NetError. */
  partly(key: string, asker: Asker, cut?: Cut): Promise<Partly<T>> {
    const known = this.#known(key, asker);
    if (known) return known.partly;
    const whole = this.#learn(key, asker, cut);
    return new Promise((resolve, reject) => {
      const tell = (value: T) => resolve({ value, whole });
      const part = this.#parts.get(key);
      if (part !== undefined) tell(part);
      let waiting = this.#waiting.get(key);
      if (!waiting) this.#waiting.set(key, waiting = new Set());
      waiting.add(tell);
      whole.then((value) => resolve({ value }), reject).finally(() => {
        waiting.delete(tell);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
      });
    });
  }

  /** The unexpired value. In the last part of its lifetime it is asked for again, in the turn of the client that uses it. */
  #known(key: string, asker: Asker): Entry<T> | undefined {
    const now = this.#clock.now();
    const entry = this.#entries.get(key);
    if (!entry || now >= entry.freshUntil) return undefined;
    entry.used = true;
    this.#told("hit");
    if (now >= entry.refreshAt) {
      entry.refreshAt = Infinity;
      this.#askShared(key, asker).catch(() => {});
    }
    return entry;
  }

  #learn(key: string, asker: Asker, cut: Cut | undefined): Promise<T> {
    const entry = this.#entries.get(key);
    const stale = entry?.good && this.#clock.now() < entry.staleUntil ? entry.whole : undefined;
    this.#told(stale ? "stale" : "miss");
    const asked = this.#askShared(key, asker, cut);
    return stale ? this.#staleAfterAWhile(asked, stale) : asked;
  }

  #askShared(key: string, asker: Asker, cut?: Cut): Promise<T> {
    return this.#asking.ask(key, asker, cut, async (unwanted, turn) => {
      const early = (part: T) => {
        this.#parts.set(key, part);
        for (const tell of this.#waiting.get(key) ?? []) tell(part);
      };
      try {
        return await this.#keep(key, await this.#ask(key, early, unwanted, turn)).whole;
      } finally {
        this.#parts.delete(key);
      }
    });
  }

  #keep(key: string, learnt: Learnt<T>): Entry<T> {
    const now = this.#clock.now();
    const old = this.#entries.get(key);
    if ("error" in learnt && learnt.error.kind === "name-lookup-failed" && old?.good && now < old.staleUntil) {
      if (old.freshUntil < now + RECHECK_MS) old.freshUntil = now + RECHECK_MS;
      old.refreshAt = Infinity;
      return old;
    }
    const ttlMs = Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, learnt.ttlMs));
    const good = "value" in learnt;
    const whole = good ? Promise.resolve(learnt.value) : Promise.reject(learnt.error);
    const partly = good ? Promise.resolve({ value: learnt.value }) : Promise.reject(learnt.error);
    for (const promise of [whole, partly]) promise.catch(() => {});
    const entry: Entry<T> = {
      whole,
      partly,
      good,
      freshUntil: now + ttlMs,
      refreshAt: good ? now + ttlMs * REFRESH_AT : Infinity,
      staleUntil: now + ttlMs + STALE_MS,
      used: false,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#bound();
    return entry;
  }

  /** Evicts the oldest first, except those used since the last search. */
  #bound(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      this.#entries.delete(key);
      if (!entry.used) continue;
      entry.used = false;
      this.#entries.set(key, entry);
    }
  }

  /** Uses the expired value if there is no answer in time, or none at all. */
  #staleAfterAWhile(asked: Promise<T>, stale: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(STALE_WAIT_MS, () => resolve(stale));
      const failed = (error: unknown) =>
        error instanceof NetError && error.kind === "busy" ? resolve(stale) : reject(error);
      asked.then(resolve, failed).finally(cancel);
    });
  }
}
