import type { Address } from "../protocol/address.ts";
import { AddressType } from "../protocol/codes.ts";
import type { Clock } from "../net/clock.ts";
import { NetError, type NetErrorKind } from "../net/error.ts";
import { alternating } from "./candidates.ts";

/** A failure is remembered for so long, each time twice as long. */
const FIRST_MS = 30_000, MAX_MS = 600_000;

/** Where a connection was made in a family within this, one failure is the address's; the next is the family's. */
const PROOF_MS = 10_000;

/** Addresses that are remembered at a time. */
const MAX_ADDRESSES = 1_024;

/** Failures that say nothing of the way there: it leads to somebody who refuses. */
const answers: ReadonlySet<NetErrorKind> = new Set(["refused", "reset"]);

/** Failures that are ours. */
const ours: ReadonlySet<NetErrorKind> = new Set(["aborted", "no-descriptors", "address-in-use", "other"]);

interface Failure {
  until: number;
  count: number;
}

interface Family extends Failure {
  provenAt: number;
}

/**
 * Which addresses, and which family as a whole, failed lately, so that they are tried last: a broken path costs its head
 * start once, and then nothing. It only orders; nothing is left out.
 */
export class PathMemory {
  readonly #clock: Clock;
  readonly #addresses = new Map<string, Failure>();
  readonly #families: Readonly<Record<4 | 6, Family>> = {
    4: { until: 0, count: 0, provenAt: -Infinity },
    6: { until: 0, count: 0, provenAt: -Infinity },
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#addresses.size;
  }

  /** A connection was made to `address`. */
  works({ type, host }: Pick<Address, "type" | "host">): void {
    const family = this.#family(type);
    family.provenAt = this.#clock.now();
    family.count = family.until = 0;
    if (this.#addresses.size > 0) this.#addresses.delete(host);
  }

  /** An attempt failed with `error`; without one, it was silent for longer than its head start. */
  failed({ type, host }: Pick<Address, "type" | "host">, error?: unknown): void {
    const kind = error instanceof NetError ? error.kind : error === undefined ? "timed-out" : "other";
    if (ours.has(kind)) return;
    const now = this.#clock.now();
    const known = this.#addresses.get(host) ?? { until: 0, count: 0 };
    this.#addresses.delete(host); // it goes to the end, so that the oldest is forgotten first
    this.#addresses.set(host, known);
    lengthen(known, now);
    for (const oldest of this.#addresses.keys()) {
      if (this.#addresses.size <= MAX_ADDRESSES) break;
      this.#addresses.delete(oldest);
    }
    const family = this.#family(type);
    if (answers.has(kind)) family.provenAt = now;
    else if (now - family.provenAt > PROOF_MS) lengthen(family, now);
    else family.provenAt = -Infinity; // which speaks for the family once
  }

  /** Whether the family failed lately. */
  isDown(type: AddressType): boolean {
    const { until } = this.#family(type);
    return until > 0 && until > this.#clock.now();
  }

  /** `addresses` with what failed lately behind the others. */
  order(addresses: readonly Address[]): readonly Address[] {
    if (this.#addresses.size === 0 || addresses.length < 2) return addresses;
    const now = this.#clock.now();
    const bad = addresses.filter(({ host }) => this.#addresses.get(host)?.until! > now);
    const good = bad.length > 0 ? addresses.filter((address) => !bad.includes(address)) : addresses;
    return [...this.#led(good), ...this.#led(bad)];
  }

  /** Led by the other family where its own is down. */
  #led(addresses: readonly Address[]): readonly Address[] {
    const [first] = addresses;
    if (!first || !this.isDown(first.type)) return addresses;
    return alternating(addresses, first.type === AddressType.IPv4 ? AddressType.IPv6 : AddressType.IPv4);
  }

  #family(type: AddressType): Family {
    return this.#families[type === AddressType.IPv4 ? 4 : 6];
  }
}

/** What fails again within the time of its last failure is the same failure. */
function lengthen(failure: Failure, now: number): void {
  if (now < failure.until) return;
  failure.until = now + Math.min(MAX_MS, FIRST_MS * 2 ** failure.count++);
}
