/** Window of late datagrams. */
const WINDOW = 1_024;

/** The received tokens of the peer, by sequence number. */
export class TokenOrder {
  #next: number | undefined;
  /** For datagrams: which of the window have come, by number modulo the window. */
  readonly #seen = new Map<number, number>();

  /** `last` is the previous sequence number; if unknown, the first token is accepted. */
  constructor(last: number | undefined) {
    this.#next = last === undefined ? undefined : last + 1;
  }

  /** True if it is the next in order; notes it. */
  isNext(sequence: number): boolean {
    if (sequence !== (this.#next ?? sequence)) return false;
    this.#next = sequence + 1;
    return true;
  }

  /** True if it is not a known replay; notes it. */
  isNew(sequence: number): boolean {
    const place = sequence % WINDOW;
    const next = this.#next ??= sequence;
    if (sequence < next - WINDOW || this.#seen.get(place) === sequence) return false;
    this.#seen.set(place, sequence);
    if (sequence >= next) this.#next = sequence + 1;
    return true;
  }
}
