import type { Address } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import { alternating } from "./family_order.ts";
import { keyedHash } from "../limits/keyed_hash.ts";

/** A failure is remembered for so long, each time twice as long. */
const FIRST_MS = 30_000, MAX_MS = 600_000;

/** Where a connection was made in a family within this, one failure is the address's; the next is the family's. */
const PROOF_MS = 10_000;

/** Addresses of one hash share a set of so many slots; 1,024 are remembered at a time. */
const WAYS = 8, SETS = 128;

/** Of a slot, in 64-bit numbers: the address's hash, 0 where it is free, and its failure. */
const HASH = 0, FAILURE = 1, SLOT = 3;

/** Of a failure, of which there is none before: until when it is remembered, and how often it was. */
const UNTIL = 0, COUNT = 1;

/** Of a family: its failure, and when a connection was made in it last. */
const PROVEN_AT = 2, FAMILY = 3;

/** The secret of the hashes, whether any address ever failed, the two families, the slots. */
const SEED = 0, ANY = 2, IPV4 = 3, IPV6 = IPV4 + FAMILY, SLOTS = IPV6 + FAMILY, WORDS = SLOTS + SETS * WAYS * SLOT;

/** Failures that say nothing of the way there: it leads to somebody who refuses. */
const answers: ReadonlySet<NetErrorKind> = new Set(["refused", "reset"]);

/** Failures that are ours. */
const ours: ReadonlySet<NetErrorKind> = new Set(["aborted", "no-descriptors", "address-in-use", "other"]);

/** Memory for what is known of paths, which several threads may share. */
export function pathsMemory<M extends ArrayBuffer | SharedArrayBuffer>(make: (size: number) => M): M {
  const memory = make(8 * WORDS), words = new Float64Array(memory);
  words.set(crypto.getRandomValues(new Int32Array(2)), SEED);
  words[IPV4 + PROVEN_AT] = words[IPV6 + PROVEN_AT] = -Infinity;
  return memory;
}

/**
 * Which addresses, and which family as a whole, failed lately, so that they are tried last: a broken path costs its head
 * start once, and then nothing. It only orders; nothing is left out, so threads that share it need no lock: what two of them
 * write at once costs a head start at worst.
 * @internal
 */
export class PathMemory {
  readonly #clock: Clock;
  readonly #words: Float64Array;

  /** Where memory is shared, the clocks of all have to agree. */
  constructor(clock: Clock, memory: ArrayBuffer | SharedArrayBuffer = pathsMemory((size) => new ArrayBuffer(size))) {
    this.#clock = clock;
    this.#words = new Float64Array(memory);
  }

  /** A secret that all who share the memory have. */
  get secret(): string {
    return `${this.#words[SEED]} ${this.#words[SEED + 1]}`;
  }

  /** A connection was made to `address`, or an answer came from it. */
  works({ type, host }: Pick<Address, "type" | "host">): void {
    const words = this.#words, family = familyOf(type);
    words[family + PROVEN_AT] = this.#clock.now();
    words[family + COUNT] = words[family + UNTIL] = 0;
    const slot = this.#find(host);
    if (slot !== undefined) words.fill(0, slot, slot + SLOT);
  }

  /** An attempt failed with `error`; without one, it was silent for longer than its head start. */
  failed({ type, host }: Pick<Address, "type" | "host">, error?: unknown): void {
    const kind = error instanceof NetError ? error.kind : error === undefined ? "timed-out" : "other";
    if (ours.has(kind)) return;
    const words = this.#words, now = this.#clock.now(), family = familyOf(type);
    this.#lengthen((this.#find(host) ?? this.#take(host)) + FAILURE, now);
    words[ANY] = 1;
    if (answers.has(kind)) words[family + PROVEN_AT] = now;
    else if (now - words[family + PROVEN_AT]! > PROOF_MS) this.#lengthen(family, now);
    else words[family + PROVEN_AT] = -Infinity; // which speaks for the family once
  }

  /** Whether the family failed lately. */
  isDown(type: AddressType): boolean {
    const until = this.#words[familyOf(type) + UNTIL]!;
    return until > 0 && until > this.#clock.now();
  }

  /** `addresses` with what failed lately behind the others. */
  order<T extends Address>(addresses: readonly T[]): readonly T[] {
    if (this.#words[ANY] === 0 || addresses.length < 2) return addresses;
    const now = this.#clock.now();
    const bad = addresses.filter(({ host }) => this.#isBad(host, now));
    const good = bad.length > 0 ? addresses.filter((address) => !bad.includes(address)) : addresses;
    return [...this.#led(good), ...this.#led(bad)];
  }

  /** Led by the other family where its own is down. */
  #led<T extends Address>(addresses: readonly T[]): readonly T[] {
    const [first] = addresses;
    if (!first || !this.isDown(first.type)) return addresses;
    return alternating(addresses, first.type === AddressType.IPv4 ? AddressType.IPv6 : AddressType.IPv4);
  }

  #isBad(host: string, now: number): boolean {
    const slot = this.#find(host);
    return slot !== undefined && this.#words[slot + FAILURE + UNTIL]! > now;
  }

  /** What fails again within the time of its last failure is the same failure. */
  #lengthen(failure: number, now: number): void {
    const words = this.#words;
    if (now < words[failure + UNTIL]!) return;
    words[failure + UNTIL] = now + Math.min(MAX_MS, FIRST_MS * 2 ** words[failure + COUNT]!++);
  }

  #find(host: string): number | undefined {
    const words = this.#words;
    if (words[ANY] === 0) return undefined;
    const [hash, set] = this.#hash(host);
    for (let slot = set; slot < set + WAYS * SLOT; slot += SLOT) if (words[slot + HASH] === hash) return slot;
    return undefined;
  }

  /** A free slot for the address, or that of the failure which is over first. */
  #take(host: string): number {
    const words = this.#words;
    const [hash, set] = this.#hash(host);
    let taken = set;
    for (let slot = set; slot < set + WAYS * SLOT; slot += SLOT) {
      if (words[slot + FAILURE + UNTIL]! < words[taken + FAILURE + UNTIL]!) taken = slot;
    }
    words.fill(0, taken, taken + SLOT);
    words[taken + HASH] = hash;
    return taken;
  }

  /** Of 52 bits, and where its set begins. */
  #hash(host: string): readonly [hash: number, set: number] {
    const [low, high] = keyedHash(host, this.#words[SEED]!, this.#words[SEED + 1]!);
    const set = (low & (SETS - 1)) * WAYS * SLOT;
    return [(high >>> 12) * 2 ** 32 + (low >>> 0) + 1, SLOTS + set];
  }
}

function familyOf(type: AddressType): number {
  return type === AddressType.IPv4 ? IPV4 : IPV6;
}
