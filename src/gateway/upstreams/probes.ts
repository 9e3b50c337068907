import type { Address } from "../../protocol/address.ts";
import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import type { Limits } from "../../sockslib/limits.ts";
import type { Chain } from "./chain.ts";

export interface ProbeTimes {
  /** Between two probes of a chain that is up; 0 for none at all. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

type Probe = (chain: Chain, target: Address | undefined, limits: Limits) => Promise<void>;

/** Goes through each chain every now and then, one probe of it at a time; one that is down as its back-off says. */
export class Probes {
  readonly #clock: Clock;
  readonly #times: ProbeTimes;
  readonly #probe: Probe;
  readonly #chains: { readonly chain: Chain; readonly target: Address | undefined }[] = [];
  /** Made when they are to stop; undefined while they do not run. */
  #stop: Cut | undefined;

  constructor(clock: Clock, times: ProbeTimes, probe: Probe) {
    this.#clock = clock;
    this.#times = times;
    this.#probe = probe;
  }

  add(chain: Chain, target: Address | undefined): void {
    this.#chains.push({ chain, target });
  }

  start(): void {
    if (this.#stop || this.#times.intervalMs === 0) return;
    const cut = this.#stop = new Cut();
    for (const { chain, target } of this.#chains) void this.#run(chain, target, cut);
  }

  stop(): void {
    this.#stop?.make();
    this.#stop = undefined;
  }

  async #run(chain: Chain, target: Address | undefined, cut: Cut): Promise<void> {
    const { intervalMs, timeoutMs } = this.#times;
    while (!cut.made) {
      const startedAt = this.#clock.now();
      try {
        await this.#probe(chain, target, { deadlineMs: timeoutMs, cut });
        chain.works(this.#clock.now() - startedAt);
      } catch (error) {
        if (cut.made) return;
        chain.failed(this.#clock.now(), error instanceof Error ? error.message : String(error));
      }
      await pause(this.#clock, chain.up ? intervalMs : Math.max(chain.retryAt - this.#clock.now(), 1), cut);
    }
  }
}

/** Resolves after `ms`, or when the cut is made. */
function pause(clock: Clock, ms: number, cut: Cut): Promise<void> {
  return new Promise((resolve) => {
    if (cut.made) return resolve();
    const cancel = clock.after(ms, () => {
      release();
      resolve();
    });
    const release = cut.on(() => {
      cancel();
      resolve();
    });
  });
}
