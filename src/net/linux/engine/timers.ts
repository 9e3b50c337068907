import type { Clock } from "../../clock.ts";

const SLOTS = 64;

/** Ticks of a slot, level by level; the last level reaches beyond 24 days, the longest time there is. */
const SPANS = [1, SLOTS, SLOTS ** 2, SLOTS ** 3, SLOTS ** 4, SLOTS ** 5];

interface Timer {
  /** The tick it is due in. */
  readonly at: number;
  readonly then: () => void;
  slot: Set<Timer> | undefined;
}

/**
 * Timers for a thread that waits in the kernel, where the runtime's own would not fire: a hierarchical wheel, in which
 * starting and calling off cost the same however many there are. A tick is a millisecond.
 */
export class Timers implements Clock {
  readonly #fault: (error: unknown) => void;
  readonly #now: () => number;
  readonly #origin: number;
  readonly #levels = SPANS.map(() => Array.from({ length: SLOTS }, () => new Set<Timer>()));
  #tick = 0;
  /** No timer is due, and no slot has to be spread, before this tick. */
  #next = Infinity;

  /** What a timer throws goes to `fault`. */
  constructor(fault: (error: unknown) => void, now = () => performance.now()) {
    this.#fault = fault;
    this.#now = now;
    this.#origin = now();
  }

  now(): number {
    return this.#now();
  }

  after(ms: number, then: () => void): () => void {
    const timer: Timer = { at: Math.ceil(this.#elapsed() + ms), then, slot: undefined };
    this.#insert(timer);
    return () => {
      timer.slot?.delete(timer);
      timer.slot = undefined;
    };
  }

  /** How long to wait for the next timer (ms), -1 where there is none. */
  waitMs(): number {
    if (this.#next === Infinity) return -1;
    return Math.max(0, Math.min(Math.ceil(this.#next - this.#elapsed()), 2 ** 31 - 1));
  }

  /** Runs what is due. */
  expire(): void {
    const now = Math.floor(this.#elapsed());
    while (this.#next <= now) {
      this.#tick = this.#next;
      const due = this.#spread();
      this.#next = this.#following();
      for (const timer of due) this.#run(timer);
    }
    this.#tick = Math.max(this.#tick, now);
  }

  #elapsed(): number {
    return this.#now() - this.#origin;
  }

  #insert(timer: Timer): void {
    const wait = timer.at - this.#tick;
    let level = 0;
    while (level < SPANS.length - 1 && wait >= SPANS[level + 1]!) level++;
    const span = SPANS[level]!, index = Math.floor(timer.at / span);
    // A timer that is late already is due in the next tick: the present one has been.
    const slot = wait > 0 ? index : this.#tick + 1;
    timer.slot = this.#levels[level]![slot % SLOTS]!;
    timer.slot.add(timer);
    this.#next = Math.min(this.#next, slot * span);
  }

  /** Takes what is due in this tick; what stands in wider slots that begin with it moves to narrower ones. */
  #spread(): Timer[] {
    const due: Timer[] = [];
    for (let level = SPANS.length - 1; level >= 0; level--) {
      const span = SPANS[level]!;
      if (this.#tick % span !== 0) continue;
      const slot = this.#levels[level]![(this.#tick / span) % SLOTS]!;
      for (const timer of slot) {
        slot.delete(timer);
        if (timer.at <= this.#tick || level === 0) due.push(timer);
        else this.#insert(timer);
      }
    }
    return due;
  }

  #following(): number {
    let next = Infinity;
    SPANS.forEach((span, level) => {
      const slots = this.#levels[level]!, base = Math.floor(this.#tick / span);
      for (let i = 1; i <= SLOTS && (base + i) * span < next; i++) {
        if (slots[(base + i) % SLOTS]!.size > 0) next = (base + i) * span;
      }
    });
    return next;
  }

  #run(timer: Timer): void {
    if (!timer.slot) return; // called off by one that was due with it
    timer.slot = undefined;
    try {
      timer.then();
    } catch (error) {
      this.#fault(error);
    }
  }
}
