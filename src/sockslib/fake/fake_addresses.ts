import { foldName, MAX_NAME_SIZE, parseIp } from "../../protocol/address.ts";
import { parsePrefix, type Prefix } from "../../protocol/ip/prefix.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import { type FakeJournal, type JournalEntry, JournalLines } from "./fake_journal.ts";
import { FakePool } from "./fake_pool.ts";
import { NameShares } from "./name_shares.ts";
import { reverseAddress } from "./reverse_name.ts";
import { UsageRing } from "./usage_ring.ts";

/** The fake addresses of a name, one of each pool; canonical text. */
export interface FakePair {
  /** Of the IPv4 prefix. */
  readonly ipv4: string;
  /** Of the IPv6 prefix. */
  readonly ipv6: string;
}

/** Other threads that look names up by their numbers, and keep them in use. */
export interface Elsewhere {
  put(number: number, name: string): void;
  remove(number: number): void;
  /** Hides the number from readers, unless it is pinned; returns true if it is hidden. */
  withdraw(number: number): boolean;
  /** Time since its last use there (ms); Infinity if it was never used. */
  restedMs(number: number): number;
}

export interface FakeAddressesOptions {
  readonly clock: Clock;
  /** Default: RFC 2544's block for benchmarks; RFC 3089 s3 suggests 0.0.0.0/24. */
  readonly ipv4?: Prefix;
  /** Default: a unique local block (RFC 4193). */
  readonly ipv6?: Prefix;
  /** Maximum names; by default the size of the smaller pool. */
  readonly max?: number;
  /** The addresses of a name unused for so long may be given to another (ms). No TTL may be longer. */
  readonly expiryMs?: number;
  /** Names that are resolved normally. Folded: lower case, without a final dot. */
  readonly isExcluded?: (name: string) => boolean;
  readonly journal?: FakeJournal | undefined;
  readonly elsewhere?: Elsewhere | undefined;
}

const defaultIpv4 = parsePrefix("198.18.0.0/15")!, defaultIpv6 = parsePrefix("fd46:198:18::/64")!;

export const EXPIRY_MS = 600_000;

/** A client's maximum share of all names, so that no stranger takes them all. */
const SHARE = 1 / 4;

/**
 * The mapping table of RFC 3089 s2 and s3: a name keeps its fake addresses while it is in use, and they mean that
 * name alone. Names are case-insensitive. When all addresses are given, a new name gets those of the least recently used
 * name, if that is not pinned and its time has expired.
 */
export class FakeAddresses {
  readonly #clock: Clock;
  readonly #ipv4: FakePool;
  readonly #ipv6: FakePool;
  readonly #max: number;
  readonly #expiryMs: number;
  readonly #isExcluded: (name: string) => boolean;
  readonly #journal: JournalLines | undefined;
  readonly #numbers = new Map<string, number>();
  /** By number; the first number is 1. */
  readonly #names: (string | undefined)[] = [undefined];
  readonly #pairs: (FakePair | undefined)[] = [undefined];
  readonly #ring = new UsageRing();
  readonly #elsewhere: Elsewhere | undefined;
  readonly #shares: NameShares;
  /** Numbers that are missing in the journal. */
  readonly #free: number[] = [];

  /** Throws RangeError if a pool is too small or of the wrong family, and the journal's errors. */
  constructor(options: FakeAddressesOptions) {
    const { clock, ipv4 = defaultIpv4, ipv6 = defaultIpv6, expiryMs = EXPIRY_MS, journal } = options;
    if (ipv4.octets.length !== 4 || ipv6.octets.length !== 16) {
      throw new RangeError(`Cannot take fake addresses from ${ipv4} and ${ipv6}: not IPv4 and IPv6`);
    }
    this.#clock = clock;
    this.#ipv4 = new FakePool(ipv4);
    this.#ipv6 = new FakePool(ipv6);
    const room = Math.min(this.#ipv4.size, this.#ipv6.size) - 2;
    this.#max = Math.min(options.max ?? room, room);
    if (this.#max < 1) throw new RangeError(`Cannot take fake addresses from ${ipv4} and ${ipv6}: too small`);
    this.#expiryMs = expiryMs;
    this.#isExcluded = options.isExcluded ?? (() => false);
    this.#elsewhere = options.elsewhere;
    this.#shares = new NameShares(Math.max(1, Math.floor(this.#max * SHARE)));
    this.#journal = journal && new JournalLines(journal, [ipv4, ipv6]);
    if (this.#journal) this.#restore(this.#journal.load());
  }

  /** Reads the journal again, which another process has written until now; call it before any name is given. Throws the journal's errors. */
  reload(): void {
    if (this.#journal) this.#restore(this.#journal.load());
  }

  /** The most names at a time. */
  get max(): number {
    return this.#max;
  }

  /** Names in the table. */
  get size(): number {
    return this.#numbers.size;
  }

  /**
   * The fake addresses of `name`. Undefined if it is to be resolved normally: it is an address itself
   * (RFC 3089 s3), excluded, or not a name. A new name counts for `client`, if given. Throws NetError if all
   * addresses, or the client's share of them, are in use, and the journal's errors.
   */
  fake(name: string, client?: string): FakePair | undefined {
    const number = this.#numberFor(name) ?? this.#give(foldName(name), client);
    return number === undefined ? undefined : this.#pairs[number];
  }

  /** The name of a fake address in any spelling; this counts as a use. */
  nameOf(address: string): string | undefined {
    const number = this.#numberOf(address);
    const name = number === undefined ? undefined : this.#names[number];
    if (name !== undefined) this.#ring.use(number!, this.#clock.now());
    return name;
  }

  /** The name behind an address in in-addr.arpa or ip6.arpa (RFC 1035 s3.5, RFC 3596 s2.5): the answer to PTR. */
  pointer(reverseName: string): string | undefined {
    const address = reverseAddress(reverseName);
    return address === undefined ? undefined : this.nameOf(address);
  }

  /** True if an address belongs to a pool; without a name it leads nowhere. */
  covers(address: string): boolean {
    const octets = parseIp(address);
    return octets !== undefined && [this.#ipv4, this.#ipv6].some(({ prefix }) => prefix.contains(octets));
  }

  /** Pins the addresses of `name` until the returned function is called: a connection uses them. */
  pin(name: string): () => void {
    const number = this.#numbers.get(foldName(name));
    if (number === undefined) return () => {};
    this.#ring.pin(number);
    let pinned = true;
    return () => {
      if (pinned) this.#ring.unpin(number, this.#clock.now());
      pinned = false;
    };
  }

  #numberOf(address: string): number | undefined {
    return (address.includes(":") ? this.#ipv6.number(address) : undefined) ?? this.#ipv4.number(address);
  }

  /** Notes a use of the name, if it is in the table. Most names are folded already, and folding costs as much as the lookup. */
  #numberFor(name: string): number | undefined {
    const number = this.#numbers.get(name) ?? this.#numbers.get(foldName(name));
    if (number !== undefined) {
      this.#ring.use(number, this.#clock.now());
      this.#shares.use(number);
    }
    return number;
  }

  /** A number for a new name: an unused one, else that of the least recently used name. Undefined if there is none. */
  #give(name: string, client: string | undefined): number | undefined {
    if (!isName(name) || this.#isExcluded(name)) return undefined;
    const number = this.#withinShare(client) ?? this.#free.pop() ??
      (this.#names.length <= this.#max ? this.#names.length : this.#reuse());
    this.#put(number, name);
    if (client !== undefined) this.#shares.give(number, client);
    try {
      this.#journal?.add({ number, name }, this.size, () => this.#entries());
    } catch (error) {
      this.#remove(number, name); // a name that is not in the journal is not given out
      throw error;
    }
    return number;
  }

  /** For a client with its full share: the number of an idle name of its own. Throws NetError if there is none. */
  #withinShare(client: string | undefined): number | undefined {
    if (client === undefined || !this.#shares.isUsedUp(client)) return undefined;
    const before = this.#clock.now() - this.#expiryMs;
    for (const number of this.#shares.oldest(client)) {
      if (!this.#ring.rested(number, before) || !this.#withdraw(number)) continue;
      this.#ring.remove(number);
      this.#forget(number);
      return number;
    }
    throw new NetError(
      "name-lookup-failed",
      `Cannot map another name for ${client}: ${this.#shares.most} of its names are in use`,
    );
  }

  #reuse(): number {
    const now = this.#clock.now();
    for (;;) {
      const number = this.#ring.takeOldest(now - this.#expiryMs);
      if (number === undefined) {
        throw new NetError("name-lookup-failed", `Cannot map another name: all ${this.#max} fake addresses are in use`);
      }
      if (this.#withdraw(number)) {
        this.#forget(number);
        return number;
      }
      const restedMs = this.#elsewhere!.restedMs(number);
      this.#ring.add(number, restedMs < this.#expiryMs ? now - restedMs : now); // then a reader has pinned it
    }
  }

  /** True if no other thread finds it from now on. */
  #withdraw(number: number): boolean {
    const elsewhere = this.#elsewhere;
    return !elsewhere || (elsewhere.restedMs(number) >= this.#expiryMs && elsewhere.withdraw(number));
  }

  #forget(number: number): void {
    this.#numbers.delete(this.#names[number]!);
    this.#shares.takeBack(number);
  }

  #put(number: number, name: string): void {
    this.#numbers.set(name, number);
    this.#names[number] = name;
    this.#pairs[number] ??= { ipv4: this.#ipv4.address(number), ipv6: this.#ipv6.address(number) };
    this.#ring.add(number, this.#clock.now());
    this.#elsewhere?.put(number, name);
  }

  #remove(number: number, name: string): void {
    this.#elsewhere?.remove(number);
    this.#shares.takeBack(number);
    this.#numbers.delete(name);
    this.#names[number] = undefined;
    this.#ring.remove(number);
    this.#free.push(number);
  }

  #restore(entries: readonly JournalEntry[]): void {
    for (const { number, name } of entries) {
      if (number < 1 || number > this.#max || !isName(name) || foldName(name) !== name) continue;
      if (this.#names[number] === name) continue;
      const former = this.#names[number], elsewhere = this.#numbers.get(name);
      if (former !== undefined) this.#remove(number, former);
      if (elsewhere !== undefined) this.#remove(elsewhere, name);
      while (this.#names.length < number) this.#names.push(undefined);
      this.#put(number, name);
    }
    this.#free.length = 0;
    for (let number = this.#names.length - 1; number > 0; number--) {
      if (this.#names[number] === undefined) this.#free.push(number);
    }
  }

  *#entries(): Iterable<JournalEntry> {
    for (const [number, name] of this.#names.entries()) if (name !== undefined) yield { number, name };
  }
}

/** Text that can be sent as a DOMAINNAME and is not an address. */
function isName(text: string): boolean {
  return text.length > 0 && text.length <= MAX_NAME_SIZE && !/[^\x21-\x7e]|[:%/\\@[\]"'`]/.test(text) &&
    !/(^|\.)(\d+|0x[0-9a-f]*)$/.test(text) && !parseIp(text);
}
