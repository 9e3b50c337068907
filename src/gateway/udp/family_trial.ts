import type { Address } from "../../protocol/address.ts";
import type { DialAddress } from "../dial/plan.ts";
import type { PathMemory } from "../dial/path_memory.ts";

/** Datagrams, and time (ms), without an answer before the other family is tried. */
const SEVERAL = 2, SILENT_MS = 500;

/** If the other family was silent too, it is tried again after so long, doubled each time (ms). */
const AGAIN_MS = 30_000, MAX_AGAIN_MS = 600_000;

/** An address that answered within this time before the trial counts as answering (ms). */
export const ANSWERED_MS = 60_000;

/** An address of a name, and the address that its datagrams go to: another one with a NAT64. */
export interface Way {
  readonly known: DialAddress;
  readonly addr: Address;
}

/**
 * Chooses the family of a name's datagrams: the first one that answers. A silent family is left for the other; if both are
 * silent, the destination may never answer (a log server), so the first family gets nearly all datagrams.
 */
export class FamilyTrial {
  /** The address of the other family, once it is known. */
  second: Way | undefined;
  /** True once it is decided. */
  over = false;
  readonly #first: Way;
  readonly #paths: PathMemory;
  /** Answers since this time count. */
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

  /** The address for the next datagram; `answeredAt` gives the time of an address's last answer. */
  next(now: number, answeredAt: (addr: Address) => number): Way {
    this.conclude(answeredAt);
    if (!this.over) {
      if (this.#sent >= SEVERAL && now - this.#since >= this.#patienceMs) this.#turn();
      if (this.#sent++ === 0) this.#since = now;
    }
    return this.#way;
  }

  /** Ends the trial, and remembers the paths if one has answered. */
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
