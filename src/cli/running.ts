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
  #stop = () => {};
  #service: Service | undefined;
  #drainsUntil: number | undefined;

  constructor() {
    this.stopping = new Promise((resolve) => this.#stop = resolve);
  }

  /** It serves. */
  started(service: Service, reload: Reload): void {
    this.#service = service;
    this.#ready.resolve(reload);
  }

  /** It takes no more clients; sessions have so long to end. */
  drains(deadlineMs: number): void {
    this.#drainsUntil = performance.now() + deadlineMs;
  }

  health(): Health {
    const service = this.#service;
    const upstreams = service?.upstreams.all ?? [];
    const state = this.#drainsUntil !== undefined
      ? "draining"
      : !service?.addrs.length
      ? "not listening"
      : upstreams.length > 0 && upstreams.every(({ up }) => !up)
      ? "no upstream"
      : "ready";
    const more = upstreams.length > 0 ? { upstreams } : {};
    return { ready: state === "ready", state, sessions: service?.sessionCount ?? 0, ...more };
  }

  metrics(): MetricsSource | undefined {
    return this.#service?.metrics;
  }

  async status(most: number): Promise<Status | undefined> {
    const service = this.#service;
    if (!service) return undefined;
    const now = performance.now();
    return {
      ...await service.activity(most),
      version,
      engine: service.engine,
      workers: service.workers,
      upMs: now - this.#startedAt,
      listeners: service.addrs,
      upstreams: service.upstreams.all,
      ...this.#drainsUntil !== undefined && { drainsForMs: Math.max(0, this.#drainsUntil - now) },
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
}
