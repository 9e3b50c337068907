import type { Address } from "../../protocol/address.ts";
import { type Clock, pause } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import type { Limits } from "../../sockslib/chain/hop_chain.ts";
import type { Chain } from "./chain.ts";
import type { ProbeTurns } from "./probe_turns.ts";

/** Interval between looks at other threads' probes, and time after a probe's deadline until it is given up (ms). */
const LISTEN_MS = 1_000, LEASE_MS = 1_000;

/** How often upstreams are looked at. */
export interface ProbeTimes {
  /** Interval between probes of a chain that is up; 0 for none. */
  readonly intervalMs: number;
  /** How long one has to answer. */
  readonly timeoutMs: number;
}

type Probe = (chain: Chain, target: Address | undefined, limits: Limits) => Promise<void>;

/** Probes each chain at intervals, one probe at a time; a chain that is down is probed by its back-off. */
export class Probes {
  readonly #clock: Clock;
  readonly #times: ProbeTimes;
  readonly #probe: Probe;
  readonly #turns: ProbeTurns | undefined;
  readonly #chains: { readonly chain: Chain; readonly target: Address | undefined }[] = [];
  /** Fires when they are to stop; undefined while they do not run. */
  #stop: Cut | undefined;

  /** With `turns` if other threads probe the same chains. */
  constructor(clock: Clock, times: ProbeTimes, probe: Probe, turns?: ProbeTurns) {
    this.#clock = clock;
    this.#times = times;
    this.#probe = probe;
    this.#turns = turns;
  }

  add(chain: Chain, target: Address | undefined): void {
    this.#chains.push({ chain, target });
  }

  start(): void {
    if (this.#stop || this.#times.intervalMs === 0) return;
    const cut = this.#stop = new Cut();
    for (const [number, { chain, target }] of this.#chains.entries()) void this.#run(number, chain, target, cut);
  }

  stop(): void {
    this.#stop?.make();
    this.#stop = undefined;
  }

  async #run(number: number, chain: Chain, target: Address | undefined, cut: Cut): Promise<void> {
    const { intervalMs, timeoutMs } = this.#times;
    const turns = this.#turns;
    let known = 0n;
    while (!cut.made) {
      const startedAt = this.#clock.now();
      if (turns?.take(number, startedAt, timeoutMs + LEASE_MS) === false) {
        const news = turns.news(number, known);
        if (news) {
          known = news.number;
          chain.heard(startedAt, news.latencyMs);
        }
        await pause(this.#clock, LISTEN_MS, cut);
        continue;
      }
      let latencyMs;
      try {
        await this.#probe(chain, target, { deadlineMs: timeoutMs, cut });
        chain.works(latencyMs = this.#clock.now() - startedAt);
      } catch (error) {
        if (cut.made) return;
        chain.failed(this.#clock.now(), error instanceof Error ? error.message : String(error));
      }
      const now = this.#clock.now();
      const waitMs = latencyMs === undefined ? Math.max(chain.retryAt - now, 1) : intervalMs;
      if (turns) known = turns.done(number, now + waitMs, latencyMs);
      await pause(this.#clock, waitMs, cut);
    }
  }
}
