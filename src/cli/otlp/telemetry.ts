import type { Snapshot } from "../../admin/counted/collected.ts";
import type { Emit } from "../../events.ts";
import { type Clock, pause } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";

/** Sends to an OpenTelemetry collector. All reject with the collector's or the network's error. */
export interface Collector {
  sendMetrics(snapshots: readonly Snapshot[]): Promise<void>;
  /** Takes lines of the audit log. */
  sendSessions(lines: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Maximum sessions that wait for a collector, and in one request. */
const MAX_WAITING = 20_000, MAX_BATCH = 1_000;

export interface TelemetryOptions {
  readonly collector: Collector;
  /** Counters of each thread; undefined before the start is complete. */
  readonly metrics: () => Promise<readonly Snapshot[] | undefined>;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Called when the collector fails, not again until it works. */
  readonly failed: (error: unknown) => void;
  /** Called when it works again. */
  readonly works: () => void;
  /** Called with the number of sessions that could not be sent, when the collector works, and at the end. */
  readonly lost: (count: number) => void;
}

/** Sends metrics and ended sessions to a collector at an interval. While it fails, sessions wait, up to a limit. */
export class Telemetry {
  readonly #options: TelemetryOptions;
  #waiting: string[] = [];
  #lost = 0;
  #fails = false;
  #ends = false;
  #sending: Promise<void> = Promise.resolve();
  #cancel: () => void;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#cancel = this.#later();
  }

  /** Receives the sessions that threads report. */
  readonly listen: Emit = (event) => {
    if (event.type !== "sessions-reported") return;
    this.#lost += event.lost;
    if (event.lines === "") return;
    const lines = event.lines.split("\n").slice(0, -1);
    const room = MAX_WAITING - this.#waiting.length;
    this.#waiting.push(...lines.slice(0, room));
    this.#lost += Math.max(0, lines.length - room);
  };

  /** Sends the metrics and the waiting sessions once more, and closes the collector, all within `limitMs`. */
  async close(limitMs: number): Promise<void> {
    const { clock, lost } = this.#options;
    this.#ends = true;
    this.#cancel();
    const done = new Cut();
    await Promise.race([this.#sendLast().finally(() => done.make()), pause(clock, limitMs, done)]);
    const unsent = this.#lost + this.#waiting.length;
    if (unsent > 0) lost(unsent);
  }

  async #sendLast(): Promise<void> {
    await this.#sending;
    await this.#send();
    await this.#options.collector.close().catch(() => {});
  }

  #later(): () => void {
    const { clock, intervalMs } = this.#options;
    return clock.after(intervalMs, () => {
      this.#sending = this.#send().then(() => {
        if (!this.#ends) this.#cancel = this.#later();
      });
    });
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    const { collector, metrics, failed, works, lost } = this.#options;
    try {
      const snapshots = await metrics();
      if (snapshots) await collector.sendMetrics(snapshots);
      while (this.#waiting.length > 0) {
        await collector.sendSessions(this.#waiting.slice(0, MAX_BATCH));
        this.#waiting.splice(0, MAX_BATCH);
      }
    } catch (error) {
      if (!this.#fails) failed(error);
      this.#fails = true;
      return;
    }
    if (this.#fails) works();
    if (this.#lost > 0) lost(this.#lost);
    this.#fails = false;
    this.#lost = 0;
  }
}
