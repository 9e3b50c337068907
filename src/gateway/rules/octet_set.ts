/** Byte strings with marks, in memory that threads share: no object for each, and some ten octets of overhead. */

/** Words of the header: number of slots, start of the hashes. */
const HEADER = 2;

/**
 * A slot holds the offset of its text, counted from 1, below some bits of the text's hash: most misses are decided
 * without another memory access.
 */
const PLACE = 28;
const PLACES = 2 ** PLACE - 1;

/** The longest text. */
export const MAX_TEXT = 255;

/** Collects texts and their marks. */
export class OctetSetBuilder {
  readonly #seed = crypto.getRandomValues(new Int32Array(1))[0]!; // so that the author of a list cannot choose texts that collide
  #slots = new Uint32Array(1 << 8);
  #octets = new Uint8Array(1 << 12);
  #size = 0;
  #count = 0;

  /** `text` has at most MAX_TEXT letters, each below U+0100; `marks` are bits, more than 0. */
  add(text: string, marks: number): void {
    if (3 * (this.#count + 1) > 2 * this.#slots.length) this.#widen();
    const hash = hashOf(text, this.#seed);
    const slot = find(this.#slots, this.#octets, hash, text, 0);
    const known = this.#slots[slot]! & PLACES;
    if (known !== 0) {
      this.#octets[known - 1]! |= marks;
      return;
    }
    if (this.#size + 2 + MAX_TEXT > this.#octets.length) {
      const wider = new Uint8Array(2 * this.#octets.length);
      wider.set(this.#octets);
      this.#octets = wider;
    }
    this.#slots[slot] = (this.#size + 1) | (hash & ~PLACES);
    this.#octets[this.#size++] = marks;
    this.#octets[this.#size++] = text.length;
    for (let i = 0; i < text.length; i++) this.#octets[this.#size++] = text.charCodeAt(i);
    this.#count++;
  }

  memory(): SharedArrayBuffer {
    const words = HEADER + this.#slots.length;
    const memory = new SharedArrayBuffer(4 * words + this.#size);
    const header = new Int32Array(memory, 0, words);
    header.set([this.#slots.length, this.#seed]);
    header.set(this.#slots, HEADER);
    new Uint8Array(memory, 4 * words).set(this.#octets.subarray(0, this.#size));
    return memory;
  }

  #widen(): void {
    const former = this.#slots;
    this.#slots = new Uint32Array(2 * former.length);
    const mask = this.#slots.length - 1;
    for (const taken of former) {
      if (taken === 0) continue;
      const known = taken & PLACES;
      let hash = this.#seed;
      for (let at = known + this.#octets[known]!; at > known; at--) hash = step(hash, this.#octets[at]!);
      let slot = mixed(hash) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = taken;
    }
  }
}

/** The set that a builder has made, from any memory. */
export class OctetSet {
  readonly #slots: Uint32Array;
  readonly #octets: Uint8Array;
  readonly #seed: number;

  constructor(memory: SharedArrayBuffer) {
    const [slots, seed] = new Int32Array(memory, 0, HEADER) as unknown as [number, number];
    this.#seed = seed;
    this.#slots = new Uint32Array(memory, 4 * HEADER, slots);
    this.#octets = new Uint8Array(memory, 4 * (HEADER + slots));
  }

  /** True if `text` has one of the marks in `whole`, or if the part behind one of its `separator`s, or the empty text, has one of those in `behind`. */
  has(text: string, whole: number, behind = 0, separator = ""): boolean {
    let hash = this.#seed;
    if (behind !== 0 && (this.#marks(hash, text, text.length) & behind) !== 0) return true;
    for (let i = text.length - 1; i >= 0; i--) {
      if (behind !== 0 && text[i] === separator && (this.#marks(hash, text, i + 1) & behind) !== 0) return true;
      hash = step(hash, text.charCodeAt(i));
    }
    return (this.#marks(hash, text, 0) & whole) !== 0;
  }

  #marks(hash: number, text: string, from: number): number {
    const known = this.#slots[find(this.#slots, this.#octets, mixed(hash), text, from)]! & PLACES;
    return known === 0 ? 0 : this.#octets[known - 1]!;
  }
}

function hashOf(text: string, seed: number): number {
  let hash = seed;
  for (let i = text.length - 1; i >= 0; i--) hash = step(hash, text.charCodeAt(i));
  return mixed(hash);
}

/** The slot of `text` from that offset, with that hash, or the free slot for it. */
function find(slots: Uint32Array, octets: Uint8Array, hash: number, text: string, from: number): number {
  const mask = slots.length - 1, length = text.length - from;
  next: for (let slot = hash & mask;; slot = (slot + 1) & mask) {
    const taken = slots[slot]!;
    if (taken === 0) return slot;
    const known = taken & PLACES; // offset of the marks, counted from 1; the length and the octets follow
    if (((taken ^ hash) & ~PLACES) !== 0 || octets[known] !== length) continue;
    for (let i = 0; i < length; i++) if (octets[known + 1 + i] !== text.charCodeAt(from + i)) continue next;
    return slot;
  }
}

/** FNV-1a, from the last letter to the first, so that it passes the hash of each suffix of a name. */
function step(hash: number, letter: number): number {
  return Math.imul(hash ^ letter, 0x01000193);
}

function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
