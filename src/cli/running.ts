import type { AdminSource, Health, MetricsSource } from "../admin/app.ts";
import type { Status } from "../admin/status.ts";
import type { Reload } from "./reload.ts";
import type { Service } from "./service.ts";
import { version } from "./version.ts";

/** The program while it runs: what the admin endpoint, signals and the log ask it, and may have it do. */
export class Running implements AdminSource {
  /** Resolves once it is to stop. */
  readonly stopping: Promise<void>;
  readonly #startedAt = performance.now();
  readonly #ready = Promise.withResolvers<Reload>();
  #resolve = () => {};
  #stopped = false;
  #service: Service | undefined;
  #handedOver = false;
  #drainsUntil: number | undefined;

  constructor() {
    this.stopping = new Promise((resolve) => this.#resolve = resolve);
  }

  /** It serves. */
  started(service: Service, reload: Reload): void {
    this.#service = service;
    this.#ready.resolve(reload);
  }

  /** Stops, but takes clients for a moment more: a successor listens where this one does, and some are on their way here. */
  handOver(): void {
    this.#handedOver = true;
    this.#stop();
  }

  get handedOver(): boolean {
    return this.#handedOver;
  }

  /** It takes no more clients; sessions have so long to end. */
  drains(deadlineMs: number): void {
    this.#drainsUntil = performance.now() + deadlineMs;
  }

  /** How long sessions have to end yet; undefined as long as it does not drain. */
  get drainsForMs(): number | undefined {
    return this.#drainsUntil === undefined ? undefined : Math.max(0, this.#drainsUntil - performance.now());
  }

  health(): Health {
    const service = this.#service;
    const upstreams = service?.upstreams.all ?? [];
    const state = this.#stopped
      ? "draining"
      : !service?.addrs.length
      ? "not listening"
      : upstreams.length > 0 && upstreams.every(({ up }) => !up)
      ? "no upstream"
      : "ready";
    const more = upstreams.length > 0 ? { upstreams } : {};
    return { ready: state === "ready", state, sessions: service?.sessionCount ?? 0, ...more };
  }

  /** Whether its threads do something when they are asked to; those of one that starts are not asked. */
  async isWell(): Promise<boolean> {
    return await this.#service?.isWell() ?? true;
  }

  metrics(): MetricsSource | undefined {
    return this.#service?.metrics;
  }

  async status(most: number): Promise<Status | undefined> {
    const service = this.#service;
    if (!service) return undefined;
    const { drainsForMs } = this;
    return {
      ...await service.activity(most),
      version,
      engine: service.engine,
      workers: service.workers,
      upMs: performance.now() - this.#startedAt,
      listeners: service.addrs,
      upstreams: service.upstreams.all,
      ...drainsForMs !== undefined && { drainsForMs },
    };
  }

  endSession(id: number): Promise<boolean> {
    return this.#service?.endSession(id) ?? Promise.resolve(false);
  }

  /** Waits for the start to be over. */
  async reload(): Promise<readonly string[]> {
    return await (await this.#ready.promise).run();
  }

  drain(): void {
    this.#stop();
  }

  #stop(): void {
    this.#stopped = true;
    this.#resolve();
  }
}
