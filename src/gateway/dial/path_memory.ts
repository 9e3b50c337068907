import type { Address } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import { alternating } from "./family_order.ts";
import { keyedHash } from "../limits/keyed_hash.ts";

/** A failure is remembered for so long, each time twice as long. */
const FIRST_MS = 30_000, MAX_MS = 600_000;

/** If a connection of the family succeeded within this time, one failure counts for the address; the next counts for the family. */
const PROOF_MS = 10_000;

/** Addresses with one hash share a set of so many slots; 1,024 addresses are remembered at a time. */
const WAYS = 8, SETS = 128;

/** Layout of a slot, in 64-bit numbers: the address's hash (0 is free), and its failure. */
const HASH = 0, FAILURE = 1, SLOT = 3;

/** Layout of a failure: until when it is remembered, and how often it happened. */
const UNTIL = 0, COUNT = 1;

/** Layout of a family: its failure, and the time of its last successful connection. */
const PROVEN_AT = 2, FAMILY = 3;

/** Layout of the memory: the secret of the hashes, a flag that an address has failed, the two families, the slots. */
const SEED = 0, ANY = 2, IPV4 = 3, IPV6 = IPV4 + FAMILY, SLOTS = IPV6 + FAMILY, WORDS = SLOTS + SETS * WAYS * SLOT;

/** Failures that do not concern the path: the destination refused. */
const answers: ReadonlySet<NetErrorKind> = new Set(["refused", "reset"]);

/** Failures that are ours. */
const ours: ReadonlySet<NetErrorKind> = new Set(["aborted", "no-descriptors", "address-in-use", "other"]);

/** Memory for the state of paths, which several threads may share. */
export function pathsMemory<M extends ArrayBuffer | SharedArrayBuffer>(make: (size: number) => M): M {
  const memory = make(8 * WORDS), words = new Float64Array(memory);
  words.set(crypto.getRandomValues(new Int32Array(2)), SEED);
  words[IPV4 + PROVEN_AT] = words[IPV6 + PROVEN_AT] = -Infinity;
  return memory;
}

/**
 * Remembers which addresses, and which family as a whole, failed lately, so that they are tried last: a broken path costs its head
 * start once, and then nothing. It only orders addresses and omits none, so threads share it without a lock: simultaneous
 * writes cost a head start at worst.
 * @internal
 */
export class PathMemory {
  readonly #clock: Clock;
  readonly #words: Float64Array;

  /** Threads that share memory need clocks that agree. */
  constructor(clock: Clock, memory: ArrayBuffer | SharedArrayBuffer = pathsMemory((size) => new ArrayBuffer(size))) {
    this.#clock = clock;
    this.#words = new Float64Array(memory);
  }

  /** The secret, common to all threads that share the memory. */
  get secret(): string {
    return `${this.#words[SEED]} ${this.#words[SEED + 1]}`;
  }

  /** Notes a connection to `address`, or an answer from it. */
  works({ type, host }: Pick<Address, "type" | "host">): void {
    const words = this.#words, family = familyOf(type);
    words[family + PROVEN_AT] = this.#clock.now();
    words[family + COUNT] = words[family + UNTIL] = 0;
    const slot = this.#find(host);
    if (slot !== undefined) words.fill(0, slot, slot + SLOT);
  }

  /** Notes a failed attempt; without `error`, it was silent for longer than its head start. */
  failed({ type, host }: Pick<Address, "type" | "host">, error?: unknown): void {
    const kind = error instanceof NetError ? error.kind : error === undefined ? "timed-out" : "other";
    if (ours.has(kind)) return;
    const words = this.#words, now = this.#clock.now(), family = familyOf(type);
    this.#lengthen((this.#find(host) ?? this.#take(host)) + FAILURE, now);
    words[ANY] = 1;
    if (answers.has(kind)) words[family + PROVEN_AT] = now;
    else if (now - words[family + PROVEN_AT]! > PROOF_MS) this.#lengthen(family, now);
    else words[family + PROVEN_AT] = -Infinity; // which counts for the family once
  }

  /** True if the family failed lately. */
  isDown(type: AddressType): boolean {
    const until = this.#words[familyOf(type) + UNTIL]!;
    return until > 0 && until > this.#clock.now();
  }

  /** `addresses` with those that failed lately at the end. */
  order<T extends Address>(addresses: readonly T[]): readonly T[] {
    if (this.#words[ANY] === 0 || addresses.length < 2) return addresses;
    const now = this.#clock.now();
    const bad = addresses.filter(({ host }) => this.#isBad(host, now));
    const good = bad.length > 0 ? addresses.filter((address) => !bad.includes(address)) : addresses;
    return [...this.#led(good), ...this.#led(bad)];
  }

  /** `addresses` led by the other family if their first family is down. */
  #led<T extends Address>(addresses: readonly T[]): readonly T[] {
    const [first] = addresses;
    if (!first || !this.isDown(first.type)) return addresses;
    return alternating(addresses, first.type === AddressType.IPv4 ? AddressType.IPv6 : AddressType.IPv4);
  }

  #isBad(host: string, now: number): boolean {
    const slot = this.#find(host);
    return slot !== undefined && this.#words[slot + FAILURE + UNTIL]! > now;
  }

  /** A failure within the time of the last one is the same failure. */
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

  /** A free slot for the address, or the slot whose failure expires first. */
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

  /** The 52-bit hash, and the first slot of its set. */
  #hash(host: string): readonly [hash: number, set: number] {
    const [low, high] = keyedHash(host, this.#words[SEED]!, this.#words[SEED + 1]!);
    const set = (low & (SETS - 1)) * WAYS * SLOT;
    return [(high >>> 12) * 2 ** 32 + (low >>> 0) + 1, SLOTS + set];
  }
}

function familyOf(type: AddressType): number {
  return type === AddressType.IPv4 ? IPV4 : IPV6;
}
