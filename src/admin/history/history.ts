import { amounts, type Series, series } from "./series.ts";

/** The values of equal, consecutive steps of time, all of which are over. */
export interface Past {
  /** The start of the first step (ms since 1970), and the length of each. */
  readonly from: number;
  readonly stepMs: number;
  readonly values: Readonly<Record<Series, readonly number[]>>;
}

export const spans = { minute: { stepMs: 1_000, steps: 60 }, day: { stepMs: 60_000, steps: 1_440 } } as const;

export type Span = keyof typeof spans;

/** Counts arrive late: steps at the end that are not shown yet, and that are kept beyond the span. */
const LATE_STEPS = 3;

/** The counts of the last minute by seconds and of the last day by minutes. Its size is constant: 0.3 MB. */
export class History {
  readonly #now: () => number;
  readonly #rings = { minute: new Ring(spans.minute), day: new Ring(spans.day) };

  /** `now` returns ms since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Adds a thread's counts of the last `ms`, in the order of series; `sessions` is the number in all threads. */
  note(counts: Float64Array, ms: number, sessions: number): void {
    const until = this.#now();
    for (const ring of Object.values(this.#rings)) ring.note(counts, until - ms, until, sessions);
  }

  past(span: Span): Past {
    return this.#rings[span].past(this.#now() - LATE_STEPS * spans.minute.stepMs);
  }
}

/** A ring of the latest steps: a new step replaces the oldest. */
class Ring {
  readonly #stepMs: number;
  readonly #steps: number;
  /** The step whose values are in each slot: its number since 1970. */
  readonly #numbers: Float64Array;
  readonly #values: Float64Array;

  constructor({ stepMs, steps }: { readonly stepMs: number; readonly steps: number }) {
    this.#stepMs = stepMs;
    this.#steps = steps;
    const places = steps + 2 * LATE_STEPS;
    this.#numbers = new Float64Array(places).fill(-1);
    this.#values = new Float64Array(places * series.length);
  }

  /** Spreads counts evenly over their time. */
  note(counts: Float64Array, from: number, until: number, sessions: number): void {
    const last = Math.floor(until / this.#stepMs);
    const first = Math.max(Math.floor(from / this.#stepMs), last - this.#steps);
    for (let step = first; step <= last; step++) {
      const begin = Math.max(from, step * this.#stepMs), end = Math.min(until, (step + 1) * this.#stepMs);
      const part = until > from ? Math.max(0, end - begin) / (until - from) : 1;
      if (part === 0) continue;
      const at = this.#valuesOf(step);
      for (let i = 0; i < amounts.length; i++) this.#values[at + i]! += counts[i]! * part;
      for (let i = amounts.length; i < series.length; i++) {
        const value = i === amounts.length ? sessions : counts[i]!;
        if (value > this.#values[at + i]!) this.#values[at + i] = value;
      }
    }
  }

  /** The steps that were over at `until`. */
  past(until: number): Past {
    const last = Math.floor(until / this.#stepMs) - 1, first = last - this.#steps + 1;
    const values = Object.fromEntries(series.map((name, place) => [
      name,
      Array.from({ length: this.#steps }, (_, i) => this.#valueOf(first + i, place)),
    ])) as unknown as Past["values"];
    return { from: first * this.#stepMs, stepMs: this.#stepMs, values };
  }

  #valueOf(step: number, place: number): number {
    const slot = step % this.#numbers.length;
    return this.#numbers[slot] === step ? Math.round(10 * this.#values[slot * series.length + place]!) / 10 : 0;
  }

  /** The index of the values of `step`; cleared if they are new. */
  #valuesOf(step: number): number {
    const slot = step % this.#numbers.length, at = slot * series.length;
    if (this.#numbers[slot] !== step) {
      this.#numbers[slot] = step;
      this.#values.fill(0, at, at + series.length);
    }
    return at;
  }
}
