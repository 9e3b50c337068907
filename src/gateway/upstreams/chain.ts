import { type Hop, hopText } from "../../sockslib/chain/hop.ts";

/** Pause after a chain's failure, doubled each time (ms). */
const FIRST_BACK_OFF_MS = 1_000, LAST_BACK_OFF_MS = 60_000;

/** Weight of the former latency against a new one. */
const LATENCY_WEIGHT = 0.7;

/** A change of a chain's state. */
export interface ChainChange {
  readonly chain: string;
  readonly up: boolean;
  /** Why it is down. */
  readonly detail?: string;
}

/** One chain of gateways, in order, and its state. Times in ms. */
export class Chain {
  readonly hops: readonly Hop[];
  /** For messages: without credentials. */
  readonly text: string;
  readonly #told: (change: ChainChange) => void;
  #up: boolean | undefined;
  #latencyMs: number | undefined;
  #failures = 0;
  #retryAt = -Infinity;

  /** `told` is called with the chain's first known state, and with each change. */
  constructor(hops: readonly Hop[], told: (change: ChainChange) => void) {
    this.hops = hops;
    this.text = hops.map(hopText).join(" > ");
    this.#told = told;
  }

  /** True until a failure is known. */
  get up(): boolean {
    return this.#up !== false;
  }

  /** Time from connecting until the last gateway accepts, smoothed; undefined until measured. */
  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  /** Time of the next attempt. */
  get retryAt(): number {
    return this.#retryAt;
  }

  works(latencyMs?: number): void {
    this.#failures = 0;
    this.#retryAt = -Infinity;
    if (latencyMs !== undefined) {
      const before = this.#latencyMs ?? latencyMs;
      this.#latencyMs = LATENCY_WEIGHT * before + (1 - LATENCY_WEIGHT) * latencyMs;
    }
    if (this.#up !== true) this.#told({ chain: this.text, up: true });
    this.#up = true;
  }

  /** Simultaneous failures of several sessions count once. */
  failed(now: number, detail: string): void {
    this.#backOff(now);
    if (this.#up !== false) this.#told({ chain: this.text, up: false, detail });
    this.#up = false;
  }

  /** Result of another thread's probe: its time, or undefined for a failure, which that thread has reported. */
  heard(now: number, latencyMs: number | undefined): void {
    if (latencyMs !== undefined) return this.works(latencyMs);
    this.#backOff(now);
    this.#up = false;
  }

  #backOff(now: number): void {
    if (now < this.#retryAt) return;
    this.#retryAt = now + Math.min(FIRST_BACK_OFF_MS * 2 ** this.#failures, LAST_BACK_OFF_MS);
    this.#failures++;
  }
}
