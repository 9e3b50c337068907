import type { Clock } from "../net/clock.ts";
import type { Cut } from "../net/cut.ts";
import type { NetError } from "../net/error.ts";
import type { CacheOutcome } from "./asked.ts";
import { orAborted } from "./waiting.ts";

/** What asking came to, and how long it holds. */
export type Learnt<T> =
  | { readonly value: T; readonly ttlMs: number }
  | { readonly error: NetError; readonly ttlMs: number };

/** A value, and what it becomes where only a part of it is known. */
export interface Partly<T> {
  readonly value: T;
  /** The whole. It may reject. */
  readonly whole?: Promise<T>;
}

/** Asks for `key`, and may tell a part of the value before. Never rejects. */
export type Ask<T> = (key: string, early: (part: T) => void) => Promise<Learnt<T>>;

/** Bounds of what a server says its answers hold. */
const MIN_TTL_MS = 1_000, MAX_TTL_MS = 86_400_000;

/** How long a value may serve when it has run out and cannot be asked for (RFC 8767 s5: 1 to 3 days). */
const STALE_MS = 86_400_000;

/** Who meets one that has run out waits so long for a new one (RFC 8767 s5, "client response timer"). */
const STALE_WAIT_MS = 1_800;

/** A value that served because asking failed is not asked for again within this (RFC 8767 s5, "failure recheck timer"). */
const RECHECK_MS = 30_000;

/** In the last part of its time a value that is in use is asked for again. */
const REFRESH_AT = 0.9;

interface Entry<T> {
  /** Made once, so that an answer from here costs nothing more. */
  readonly whole: Promise<T>;
  readonly partly: Promise<Partly<T>>;
  readonly good: boolean;
  freshUntil: number;
  refreshAt: number;
  readonly staleUntil: number;
  /** Since it was last looked at for throwing away. */
  used: boolean;
}

interface Flight<T> {
  readonly whole: Promise<T>;
  readonly partly: Promise<Partly<T>>;
}

/** Answers by key with their time to live; those who ask for one key at one time share one question. */
export class Cache<T> {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #ask: Ask<T>;
  readonly #told: (outcome: CacheOutcome) => void;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #flights = new Map<string, Flight<T>>();

  /** `told` hears what there was for each who asked. */
  constructor(clock: Clock, limit: number, ask: Ask<T>, told: (outcome: CacheOutcome) => void = () => {}) {
    this.#clock = clock;
    this.#limit = limit;
    this.#ask = ask;
    this.#told = told;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The whole value. Rejects with NetError. */
  get(key: string, cut?: Cut): Promise<T> {
    return this.#find(key, "whole", cut);
  }

  /** What is known as soon as a part is. Rejects with NetError. */
  partly(key: string, cut?: Cut): Promise<Partly<T>> {
    return this.#find(key, "partly", cut);
  }

  #find<K extends "whole" | "partly">(key: string, what: K, cut: Cut | undefined): Flight<T>[K] {
    const now = this.#clock.now();
    const entry = this.#entries.get(key);
    if (entry && now < entry.freshUntil) {
      entry.used = true;
      this.#told("hit");
      if (now >= entry.refreshAt) {
        entry.refreshAt = Infinity;
        this.#fly(key);
      }
      return entry[what];
    }
    const asked = this.#fly(key)[what] as Promise<unknown>;
    const stale = entry?.good && now < entry.staleUntil ? entry[what] : undefined;
    this.#told(stale ? "stale" : "miss");
    const answer = stale ? this.#staleAfterAWhile(asked, stale) : asked;
    return (cut ? orAborted(answer, cut, key) : answer) as Flight<T>[K];
  }

  #fly(key: string): Flight<T> {
    let flight = this.#flights.get(key);
    if (flight) return flight;
    let whole!: Promise<T>;
    const partly = new Promise<Partly<T>>((resolve, reject) => {
      whole = this.#learn(key, (value) => resolve({ value, whole }));
      whole.then((value) => resolve({ value }), reject);
    });
    partly.catch(() => {}); // nobody may be waiting
    this.#flights.set(key, flight = { whole, partly });
    return flight;
  }

  async #learn(key: string, early: (part: T) => void): Promise<T> {
    const learnt = await this.#ask(key, early);
    this.#flights.delete(key);
    return await this.#keep(key, learnt).whole;
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

  /** The oldest go first, but for those that were used since they were last looked at. */
  #bound(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      this.#entries.delete(key);
      if (!entry.used) continue;
      entry.used = false;
      this.#entries.set(key, entry);
    }
  }

  /** What has run out serves where there is no answer in time, or none at all. */
  #staleAfterAWhile<V>(asked: Promise<V>, stale: Promise<V>): Promise<V> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(STALE_WAIT_MS, () => resolve(stale));
      asked.then(resolve, reject).finally(cancel);
    });
  }
}
