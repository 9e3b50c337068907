/** How far back datagrams may come late. */
const WINDOW = 1_024;

/** Which of the other side's tokens have come, by the numbers in them. */
export class TokenOrder {
  #next: number | undefined;
  /** Of datagrams, those that have come of the last ones; by number modulo the window. */
  readonly #seen = new Map<number, number>();

  /** `last` is the number of the token before; the first that comes is taken where it is not known. */
  constructor(last: number | undefined) {
    this.#next = last === undefined ? undefined : last + 1;
  }

  /** Whether it is the one that has to come now; notes it. */
  isNext(sequence: number): boolean {
    if (sequence !== (this.#next ?? sequence)) return false;
    this.#next = sequence + 1;
    return true;
  }

  /** Whether it has not come before, as far as that is known; notes it. */
  isNew(sequence: number): boolean {
    const place = sequence % WINDOW;
    const next = this.#next ??= sequence;
    if (sequence < next - WINDOW || this.#seen.get(place) === sequence) return false;
    this.#seen.set(place, sequence);
    if (sequence >= next) this.#next = sequence + 1;
    return true;
  }
}
