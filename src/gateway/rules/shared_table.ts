/** Words of a header, and of an entry: offset and length of its key, offset and count of its numbers. */
const HEADER = 3, ENTRY = 4;

/** A key and its numbers. */
export type Entries = ReadonlyMap<string, readonly number[]>;

/** Puts `entries` into memory that threads can share. */
export function sharedTable(entries: Entries): SharedArrayBuffer {
  let units = 0, numbers = 0;
  for (const [key, values] of entries) {
    units += key.length;
    numbers += values.length;
  }
  const slots = slotsFor(entries.size);
  const words = HEADER + slots + ENTRY * entries.size + numbers;
  const memory = new SharedArrayBuffer(4 * words + 2 * units);
  const table = new Uint32Array(memory, 0, words), text = new Uint16Array(memory, 4 * words);
  table.set([slots, entries.size, numbers]);
  let entryAt = HEADER + slots, numberAt = entryAt + ENTRY * entries.size, textAt = 0;
  for (const [key, values] of entries) {
    let slot = hash(key) & (slots - 1);
    while (table[HEADER + slot] !== 0) slot = (slot + 1) & (slots - 1);
    table[HEADER + slot] = entryAt;
    table.set([textAt, key.length, numberAt, values.length], entryAt);
    table.set(values, numberAt);
    for (let i = 0; i < key.length; i++) text[textAt + i] = key.charCodeAt(i);
    entryAt += ENTRY;
    numberAt += values.length;
    textAt += key.length;
  }
  return memory;
}

/** Numbers by text, in memory that threads share, without copies. */
export class SharedTable {
  readonly #table: Uint32Array;
  readonly #text: Uint16Array;
  readonly #mask: number;

  /** Of what sharedTable() made. */
  constructor(memory: SharedArrayBuffer) {
    const [slots, entries, numbers] = new Uint32Array(memory, 0, HEADER) as unknown as [number, number, number];
    const words = HEADER + slots + ENTRY * entries + numbers;
    this.#table = new Uint32Array(memory, 0, words);
    this.#text = new Uint16Array(memory, 4 * words);
    this.#mask = slots - 1;
  }

  has(key: string): boolean {
    return this.#entry(key) !== 0;
  }

  /** In the order given; undefined if there is no such key. */
  get(key: string): Uint32Array | undefined {
    const at = this.#entry(key);
    if (at === 0) return undefined;
    const first = this.#table[at + 2]!;
    return this.#table.subarray(first, first + this.#table[at + 3]!);
  }

  #entry(key: string): number {
    for (let slot = hash(key) & this.#mask;; slot = (slot + 1) & this.#mask) {
      const at = this.#table[HEADER + slot]!;
      if (at === 0 || this.#is(at, key)) return at;
    }
  }

  #is(at: number, key: string): boolean {
    if (this.#table[at + 1] !== key.length) return false;
    const first = this.#table[at]!;
    for (let i = 0; i < key.length; i++) if (this.#text[first + i] !== key.charCodeAt(i)) return false;
    return true;
  }
}

/** At most half of the slots are used, so that a free one is near. */
function slotsFor(entries: number): number {
  let slots = 2;
  while (slots < 2 * entries) slots *= 2;
  return slots;
}

/** FNV-1a, over UTF-16 code units. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) value = Math.imul(value ^ key.charCodeAt(i), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}
