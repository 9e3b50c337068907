import type { Address } from "../../protocol/address.ts";
import type { DialAddress } from "../dial/plan.ts";
import type { PathMemory } from "../dial/path_memory.ts";

/** So many datagrams, and so long, without an answer speak for the other family (ms). */
const SEVERAL = 2, SILENT_MS = 500;

/** Where that was silent too it is tried again after so long, each time twice as long (ms). */
const AGAIN_MS = 30_000, MAX_AGAIN_MS = 600_000;

/** Who has answered within this before it was asked who does is one who does (ms). */
export const ANSWERED_MS = 60_000;

/** An address of a name, and where its datagrams go: elsewhere, where a NAT64 is the way there. */
export interface Way {
  readonly known: DialAddress;
  readonly addr: Address;
}

/**
 * By which family the datagrams to a name go: the first that answers. One that is silent is left for the other; where that is
 * silent too, it may be that nobody ever answers, as with a log, so that the first has nearly all.
 */
export class FamilyTrial {
  /** Of the other family, once it is known. */
  second: Way | undefined;
  /** Whether it is decided. */
  over = false;
  readonly #first: Way;
  readonly #paths: PathMemory;
  /** An answer since then counts. */
  readonly #after: number;
  #way: Way;
  #sent = 0;
  #since = 0;
  #patienceMs = SILENT_MS;
  #againMs = AGAIN_MS;

  constructor(first: Way, second: Way | undefined, paths: PathMemory, now: number) {
    this.#first = this.#way = first;
    this.second = second;
    this.#paths = paths;
    this.#after = now - ANSWERED_MS;
  }

  /** Where the next datagram goes; `answeredAt` tells when an address answered last. */
  next(now: number, answeredAt: (addr: Address) => number): Way {
    this.conclude(answeredAt);
    if (!this.over) {
      if (this.#sent >= SEVERAL && now - this.#since >= this.#patienceMs) this.#turn();
      if (this.#sent++ === 0) this.#since = now;
    }
    return this.#way;
  }

  /** Ends it, and remembers the paths, where one has answered. */
  conclude(answeredAt: (addr: Address) => number): void {
    const first = this.#first, way = this.#way;
    const answered = (way: Way) => answeredAt(way.addr) >= this.#after;
    if (answered(first)) this.#way = first;
    else if (way === first || !answered(way)) return;
    else this.#paths.failed(first.addr);
    this.#paths.works(this.#way.addr);
    this.over = true;
  }

  #turn(): void {
    if (this.#way !== this.#first) {
      this.#way = this.#first;
      this.#patienceMs = this.#againMs;
      this.#againMs = Math.min(2 * this.#againMs, MAX_AGAIN_MS);
    } else if (this.second) {
      this.#way = this.second;
      this.#patienceMs = SILENT_MS;
    } else return;
    this.#sent = 0;
  }
}
