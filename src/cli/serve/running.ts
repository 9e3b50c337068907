import { asksClients } from "../../config/whole.ts";
import { Cut } from "../../net/cut.ts";
import type { Snapshot } from "../../admin/counted/collected.ts";
import { expiresSoon } from "../../admin/certificates.ts";
import { findings } from "../../admin/findings.ts";
import { History, type Past, type Span } from "../../admin/history/history.ts";
import type { ProxyWays } from "../../admin/proxy_pac.ts";
import type { Act, AdminSource } from "../../admin/app.ts";
import { type ProgramFacts, ProgramMetrics } from "../../admin/program_metrics.ts";
import { type Health, isAlive, noNamesFacts, readiness, type Vitals } from "../../admin/readiness.ts";
import type { QuotaView, ReloadView, Status, Unwanted, WantedSessions } from "../../admin/status.ts";
import type { Emit } from "../../events.ts";
import type { Clock } from "../../net/clock.ts";
import { addressText } from "../../protocol/address.ts";
import { ProcessFigures } from "./process_figures.ts";
import type { HostWatch } from "./host_watch.ts";
import { optionsText } from "./options_text.ts";
import { log, lostLogLines } from "../log/log.ts";
import type { Reload } from "./reload.ts";
import { RoomWatch } from "./room.ts";
import { ruleViews } from "./rule_views.ts";
import type { QuotaLedger } from "../quotas/quota_ledger.ts";
import type { Service } from "../service/service.ts";
import { runtime, version } from "../version.ts";

const notStarted: Vitals = {
  workers: 0,
  silentWorkers: 0,
  hungWorkers: 0,
  heardAt: -Infinity,
  names: noNamesFacts,
  accept: undefined,
};

/** How long dead workers are reported (ms). */
const DEATH_TOLD_MS = 3_600_000;

/** Maximum quotas listed. */
const MAX_QUOTAS = 100;

/** The running program: state and actions for the admin endpoint, signals and the log. */
export class Running implements AdminSource {
  /** Fires when the drain is to end at once. */
  readonly hurried = new Cut();
  /** Resolves when the program is told to stop. */
  readonly stopping: Promise<void>;
  readonly #clock: Clock;
  readonly #startedAt = performance.now();
  readonly #ready = Promise.withResolvers<Reload>();
  #resolve = () => {};
  #stopped = false;
  #service: Service | undefined;
  #handedOver = false;
  #drainsUntil: number | undefined;
  #reload: Reload | undefined;
  #host: HostWatch | undefined;
  #quotas: QuotaLedger | undefined;
  readonly #figures = new ProcessFigures();
  readonly #history: History;
  readonly #room: RoomWatch;
  /** Times of workers' recent deaths (ms since 1970). */
  #deaths: readonly number[] = [];
  #reloaded: ReloadView = { generation: 1, at: new Date().toISOString(), problems: [] };
  readonly #metrics = new ProgramMetrics(() => this.#facts());

  /** `clock` is the clock of its service. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#history = new History(clock.now);
    this.#room = new RoomWatch(clock);
    this.stopping = new Promise((resolve) => this.#resolve = resolve);
  }

  /** The program serves; `host` is set if there is an admin endpoint. */
  started(service: Service, reload: Reload, host: HostWatch | undefined, quotas: QuotaLedger): void {
    this.#service = service;
    this.#reload = reload;
    this.#host = host;
    this.#quotas = quotas;
    this.#figures.start();
    this.#ready.resolve(reload);
  }

  /** It is over. */
  ended(): void {
    this.#host?.stop();
    this.#figures.stop();
  }

  /** Receives the events of the main thread. */
  readonly listen: Emit = (event) => {
    this.#metrics.listen(event);
    switch (event.type) {
      case "thread-counted":
        return this.#history.note(event.counts, event.ms, this.#service?.sessionCount ?? 0);
      case "worker-died":
        this.#deaths = [...this.#lateDeaths(), this.#clock.now()];
        return;
      case "reload-refused":
        this.#reloaded = { ...this.#reloaded, problems: event.problems };
        return;
      case "reloaded":
        this.#reloaded = {
          generation: this.#reloaded.generation + 1,
          at: new Date().toISOString(),
          problems: [],
        };
        return this.#host?.forget();
    }
  };

  /** Stops, but accepts clients a moment longer: a successor shares the listeners, and clients may still be connecting here. */
  handOver(): void {
    this.#handedOver = true;
    this.#stop();
  }

  /** True if the program was told to stop. */
  get stopped(): boolean {
    return this.#stopped;
  }

  get handedOver(): boolean {
    return this.#handedOver;
  }

  /** The program accepts no more clients; sessions have `deadlineMs` to end. */
  drains(deadlineMs: number): void {
    this.#drainsUntil = performance.now() + deadlineMs;
  }

  /** Time left for sessions to end (ms); undefined before the drain. */
  get drainsForMs(): number | undefined {
    return this.#drainsUntil === undefined ? undefined : Math.max(0, this.#drainsUntil - performance.now());
  }

  health(): Health {
    const service = this.#service;
    const vitals = service?.vitals() ?? notStarted;
    return readiness({
      ...vitals,
      now: this.#clock.now(),
      draining: this.#stopped,
      sessions: service?.sessionCount ?? 0,
      listeners: service?.addrs.length ?? 0,
      names: this.#host?.names ?? vitals.names,
      probesNames: (service?.dnsServers.length ?? 0) > 0,
      ipv4: this.#host?.ipv4,
      ipv6: this.#host?.ipv6,
      chains: service?.upstreams.all ?? [],
    });
  }

  /** True also during the start. */
  alive(): boolean {
    return !this.#service || isAlive({ now: this.#clock.now(), heardAt: this.#service.vitals().heardAt });
  }

  async metrics(): Promise<readonly Snapshot[] | undefined> {
    const service = this.#service;
    return service && [...await service.metrics(), this.#metrics.snapshot()];
  }

  /** True if the program is alive and no thread hangs. A dead thread does not count: it is replaced and affects no other. */
  isWell(): boolean {
    return this.alive() && (this.#service?.vitals() ?? notStarted).hungWorkers === 0;
  }

  async status(sessions: WantedSessions): Promise<Status | undefined> {
    const service = this.#service;
    if (!service) return undefined;
    const { drainsForMs } = this;
    const activity = await service.activity(sessions);
    const { loaded: { config, rules }, certificates: read } = this.#reload!.holds;
    const { parts } = this.health();
    const certificates = read.map((one) => ({
      option: one.option,
      until: new Date(one.until).toISOString(),
      good: !expiresSoon(one, Date.now()),
    }));
    const upstreams = service.upstreams.all;
    const { room } = this.#room;
    const { maxSessions } = config.gateway;
    return {
      ...activity,
      parts,
      version,
      engine: service.engine,
      workers: service.workers,
      upMs: performance.now() - this.#startedAt,
      listeners: service.addrs.map(addressText),
      upstreams,
      certificates,
      wrong: findings({
        parts,
        upstreams,
        certificates,
        room,
        sessionCount: activity.sessionCount,
        maxSessions,
        lostLogLines: lostLogLines(),
        reloadProblems: this.#reloaded.problems,
        deaths: this.#lateDeaths().length,
        past: this.#history.past("minute"),
      }),
      rules: ruleViews(rules),
      room,
      maxSessions,
      reload: this.#reloaded,
      drainMs: config.drainMs,
      ...this.#quotaViews.length > 0 && { quotas: this.#quotaViews },
      ...drainsForMs !== undefined && { drainsForMs },
    };
  }

  history(span: Span): Past {
    return this.#history.past(span);
  }

  help(): string {
    return optionsText();
  }

  /** Logs an operator's action. */
  acted({ by, what, result }: Act): void {
    log.info("operator", { by, action: what, result });
  }

  proxyWays(): ProxyWays | undefined {
    const service = this.#service;
    if (!service) return undefined;
    const { config } = this.#reload!;
    const { listen } = config;
    const ways = service.addrs.flatMap((addr) => {
      const spec = addr.unix === undefined &&
        listen.find((one) => one.addr.host === addr.host && (one.addr.port === 0 || one.addr.port === addr.port));
      const only = spec && spec.only;
      return spec && (only === undefined || typeof only === "string") ? [{ addr, tls: spec.tls ?? false, only }] : [];
    });
    return { ways, asksForPasswords: asksClients(config) };
  }

  endSessions(unwanted: Unwanted): Promise<number> {
    return this.#service?.endSessions(unwanted) ?? Promise.resolve(0);
  }

  /** Waits until the start is complete. */
  async reload(): Promise<readonly string[]> {
    return await (await this.#ready.promise).run();
  }

  drain(): void {
    this.#stop();
  }

  #lateDeaths(): readonly number[] {
    return this.#deaths.filter((at) => this.#clock.now() - at < DEATH_TOLD_MS).slice(-1_000);
  }

  #facts(): ProgramFacts {
    const service = this.#service!;
    const { workers, silentWorkers } = service.vitals();
    return {
      version,
      runtime,
      engine: service.engine,
      workers,
      silentWorkers,
      maxSessions: this.#reload!.config.gateway.maxSessions,
      health: this.health(),
      certificates: this.#reload!.holds.certificates,
      lostLogLines: lostLogLines(),
      figures: this.#figures.now(),
      quotas: this.#quotaViews,
      names: service.names?.(),
    };
  }

  get #quotaViews(): readonly QuotaView[] {
    return this.#quotas?.views.slice(0, MAX_QUOTAS) ?? [];
  }

  #stop(): void {
    this.#stopped = true;
    void this.#ready.promise.then((reload) => reload.end());
    this.#resolve();
  }
}
