import { type Hop, hopText } from "../../sockslib/chain/hop.ts";

/** A chain that failed is left alone for so long, twice as long each time (ms). */
const FIRST_BACK_OFF_MS = 1_000, LAST_BACK_OFF_MS = 60_000;

/** How much of what was measured before a new latency leaves. */
const LATENCY_WEIGHT = 0.7;

/** What becomes known of a chain. */
export interface ChainChange {
  readonly chain: string;
  readonly up: boolean;
  /** Why it is down. */
  readonly detail?: string;
}

/** One way through gateways, in its order, and how it is. Times in ms. */
export class Chain {
  readonly hops: readonly Hop[];
  /** For people: without credentials. */
  readonly text: string;
  readonly #told: (change: ChainChange) => void;
  #up: boolean | undefined;
  #latencyMs: number | undefined;
  #failures = 0;
  #retryAt = -Infinity;

  /** `told` is called when it becomes known how the chain is, and whenever that changes. */
  constructor(hops: readonly Hop[], told: (change: ChainChange) => void) {
    this.hops = hops;
    this.text = hops.map(hopText).join(" > ");
    this.#told = told;
  }

  /** Taken for true until something else is known. */
  get up(): boolean {
    return this.#up !== false;
  }

  /** From connecting to the last gateway's leave, smoothed; undefined until it was measured. */
  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  /** Before that it is not worth trying again. */
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

  /** Many sessions may find out at the same time: they count once. */
  failed(now: number, detail: string): void {
    this.#backOff(now);
    if (this.#up !== false) this.#told({ chain: this.text, up: false, detail });
    this.#up = false;
  }

  /** Another thread's probe took so long, or failed, where undefined: then that thread has told why. */
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
