import type { Clock } from "../../clock.ts";

const SLOTS = 64;

/** Ticks of a slot, level by level; the last level reaches beyond 24 days, the longest time there is. */
const SPANS = [1, SLOTS, SLOTS ** 2, SLOTS ** 3, SLOTS ** 4, SLOTS ** 5];

/** In a ring with the others of its slot: with a Set for each, to start and call one off took 326 ns on Bun, and takes 66 to 110. */
class Timer {
  /** Its tick. */
  readonly at: number;
  readonly then: () => void;
  /** Itself if it is alone: in no slot, or the head of an empty one. */
  #before: Timer = this;
  #behind: Timer = this;

  constructor(at: number, then: () => void) {
    this.at = at;
    this.then = then;
  }

  get alone(): boolean {
    return this.#behind === this;
  }

  get behind(): Timer {
    return this.#behind;
  }

  /** Puts it at the end of the slot that begins with `head`. */
  join(head: Timer): void {
    const last = head.#before;
    this.#before = last;
    this.#behind = head;
    last.#behind = head.#before = this;
  }

  leave(): void {
    this.#before.#behind = this.#behind;
    this.#behind.#before = this.#before;
    this.#before = this.#behind = this;
  }
}

/**
 * Timers for a thread that waits in the kernel, where the runtime's own would not fire: a hierarchical wheel, in which
 * starting and cancelling take constant time. A tick is a millisecond.
 */
export class Timers implements Clock {
  readonly #fault: (error: unknown) => void;
  readonly #now: () => number;
  readonly #origin: number;
  /** The heads of slots. */
  readonly #levels = SPANS.map(() => Array.from({ length: SLOTS }, () => new Timer(0, () => {})));
  #tick = 0;
  /** Before this tick, no timer is due and no slot must be redistributed. */
  #next = Infinity;

  /** Errors of timers go to `fault`. */
  constructor(fault: (error: unknown) => void, now = () => performance.now()) {
    this.#fault = fault;
    this.#now = now;
    this.#origin = now();
  }

  now(): number {
    return this.#now();
  }

  after(ms: number, then: () => void): () => void {
    const timer = new Timer(Math.ceil(this.#elapsed() + ms), then);
    this.#insert(timer);
    return () => timer.leave();
  }

  /** Time until the next timer (ms), -1 without one. */
  waitMs(): number {
    if (this.#next === Infinity) return -1;
    return Math.max(0, Math.min(Math.ceil(this.#next - this.#elapsed()), 2 ** 31 - 1));
  }

  /** Runs due timers. */
  expire(): void {
    const now = Math.floor(this.#elapsed());
    while (this.#next <= now) {
      this.#tick = this.#next;
      const due = new Timer(this.#tick, () => {});
      this.#spread(due);
      this.#next = this.#following();
      while (!due.alone) this.#run(due.behind); // a due timer may cancel another
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
    timer.join(this.#levels[level]![slot % SLOTS]!);
    this.#next = Math.min(this.#next, slot * span);
  }

  /** Moves the timers of this tick behind `due`, and redistributes wider slots that begin with it. */
  #spread(due: Timer): void {
    for (let level = SPANS.length - 1; level >= 0; level--) {
      const span = SPANS[level]!;
      if (this.#tick % span !== 0) continue;
      const slot = this.#levels[level]![(this.#tick / span) % SLOTS]!;
      while (!slot.alone) {
        const timer = slot.behind;
        timer.leave();
        if (timer.at <= this.#tick || level === 0) timer.join(due);
        else this.#insert(timer);
      }
    }
  }

  #following(): number {
    let next = Infinity;
    SPANS.forEach((span, level) => {
      const slots = this.#levels[level]!, base = Math.floor(this.#tick / span);
      for (let i = 1; i <= SLOTS && (base + i) * span < next; i++) {
        if (!slots[(base + i) % SLOTS]!.alone) next = (base + i) * span;
      }
    });
    return next;
  }

  #run(timer: Timer): void {
    timer.leave();
    try {
      timer.then();
    } catch (error) {
      this.#fault(error);
    }
  }
}
