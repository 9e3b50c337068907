import { MAX_NAME_SIZE } from "../../protocol/address.ts";
import type { Elsewhere } from "./fake_addresses.ts";

/** State of a number: free, assigned to a name, being reassigned. */
const FREE = 0, GIVEN = 1, CHANGING = 2;

const SLOT_SIZE = MAX_NAME_SIZE + 1;

/** Memory of `max` names for so many readers. */
export function sharedNamesSize(max: number, readers: number): number {
  return partsOf(max, readers).size;
}

function partsOf(max: number, readers: number) {
  const column = 4 * (max + 1);
  const names = column * (2 + readers);
  return { used: column, pins: (reader: number) => column * (2 + reader), names, size: names + SLOT_SIZE * (max + 1) };
}

/**
 * The table of fake addresses in memory that threads share: one writes names, by their numbers from 1 on; readers pin those that they
 * find. A reader pins a number before it checks that the number is assigned, and the writer hides a number before it checks that it
 * is not pinned: so one of them sees the other.
 */
class SharedNames {
  protected readonly states: Int32Array;
  /** Time of the readers' last use (s of the common clock); 0 for never. */
  protected readonly usedAt: Int32Array;
  protected readonly octets: Uint8Array;
  protected readonly parts: ReturnType<typeof partsOf>;

  constructor(protected readonly memory: SharedArrayBuffer, protected readonly max: number, readers: number) {
    this.parts = partsOf(max, readers);
    this.states = new Int32Array(memory, 0, max + 1);
    this.usedAt = new Int32Array(memory, this.parts.used, max + 1);
    this.octets = new Uint8Array(memory, this.parts.names);
  }

  protected pinsOf(reader: number): Int32Array {
    return new Int32Array(this.memory, this.parts.pins(reader), this.max + 1);
  }
}

/** The one that writes. `nowS` is a clock (s) that all threads share. */
export class NamesWriter extends SharedNames implements Elsewhere {
  readonly #pins: readonly Int32Array[];
  readonly #nowS: () => number;

  constructor(memory: SharedArrayBuffer, max: number, readers: number, nowS: () => number) {
    super(memory, max, readers);
    this.#pins = Array.from({ length: readers }, (_, reader) => this.pinsOf(reader));
    this.#nowS = nowS;
  }

  put(number: number, name: string): void {
    Atomics.store(this.states, number, CHANGING);
    const at = number * SLOT_SIZE;
    this.octets[at] = name.length;
    for (let i = 0; i < name.length; i++) this.octets[at + 1 + i] = name.charCodeAt(i);
    Atomics.store(this.states, number, GIVEN);
  }

  remove(number: number): void {
    Atomics.store(this.states, number, FREE);
  }

  withdraw(number: number): boolean {
    Atomics.store(this.states, number, CHANGING);
    if (this.#pins.every((pins) => Atomics.load(pins, number) === 0)) return true;
    Atomics.store(this.states, number, GIVEN);
    return false;
  }

  restedMs(number: number): number {
    const usedAt = Atomics.load(this.usedAt, number);
    return usedAt === 0 ? Infinity : Math.max(0, this.#nowS() - usedAt) * 1_000;
  }

  /** Releases all pins of a reader that has ended. */
  clear(reader: number): void {
    const pins = this.#pins[reader]!;
    for (let number = 0; number < pins.length; number++) {
      if (Atomics.exchange(pins, number, 0) > 0) Atomics.store(this.usedAt, number, this.#nowS());
    }
  }
}

/** One of those that read. */
export class NamesReader extends SharedNames {
  readonly #pins: Int32Array;
  readonly #nowS: () => number;

  constructor(
    memory: SharedArrayBuffer,
    max: number,
    { reader, readers }: { readonly reader: number; readonly readers: number },
    nowS: () => number,
  ) {
    super(memory, max, readers);
    this.#pins = this.pinsOf(reader);
    this.#nowS = nowS;
  }

  /** The name of a number, pinned until unpin(); undefined if it has none. */
  pin(number: number): string | undefined {
    if (number < 1 || number > this.max) return undefined;
    Atomics.add(this.#pins, number, 1);
    if (Atomics.load(this.states, number) !== GIVEN) {
      Atomics.sub(this.#pins, number, 1);
      return undefined;
    }
    Atomics.store(this.usedAt, number, this.#nowS());
    const at = number * SLOT_SIZE;
    let name = "";
    for (let i = 1; i <= this.octets[at]!; i++) name += String.fromCharCode(this.octets[at + i]!);
    return name;
  }

  unpin(number: number): void {
    Atomics.store(this.usedAt, number, this.#nowS());
    Atomics.sub(this.#pins, number, 1);
  }
}
