import type { Certificate } from "./certificates.ts";
import type { Emit } from "../events.ts";
import { Collection, type Snapshot } from "./counted/collected.ts";
import type { QuotaView } from "./status.ts";
import type { Health } from "./readiness.ts";
import { atOnce } from "./steps.ts";
import { Tally, type TallyOptions } from "./counted/tally.ts";

/** Figures of this process from the runtime and the system; undefined if not available. */
export interface Figures {
  readonly startedAtSeconds: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly openDescriptors: number | undefined;
  readonly maxDescriptors: number | undefined;
  /** Maximum delay of the main thread's event loop in the last minute. */
  readonly loopLagSeconds: number;
}

/** For a router: names with fake addresses, their maximum, and queries so far by outcome. */
export interface NameFigures {
  readonly names: number;
  readonly maxNames: number;
  readonly queries: Readonly<Record<string, number>>;
}

/** Facts about the whole program. */
export interface ProgramFacts {
  readonly version: string;
  readonly runtime: string;
  readonly engine: string;
  readonly workers: number;
  readonly silentWorkers: number;
  readonly maxSessions: number;
  readonly health: Health;
  readonly certificates: readonly Certificate[];
  /** Lost lines of the main thread. */
  readonly lostLogLines: number;
  readonly figures: Figures;
  readonly quotas?: readonly QuotaView[];
  readonly names?: NameFigures | undefined;
}

/** The program's own metrics, beside those of the serving threads. */
export class ProgramMetrics {
  readonly #collection = new Collection();
  readonly #facts: () => ProgramFacts;
  readonly #now: () => number;
  /** The facts of the current scrape. */
  #seen: ProgramFacts | undefined;
  #generation = 1;
  #reloadedAtSeconds: number;
  #lastReloadGood = true;
  readonly #reloads = this.#tally({ name: "gate46_reloads_total", help: "Reloads, by outcome", labels: ["outcome"] });
  readonly #deaths = this.#tally({ name: "gate46_worker_deaths_total", help: "Workers that died and were replaced" });

  /** `facts` is called at each scrape. */
  constructor(facts: () => ProgramFacts, now: () => number = Date.now) {
    this.#facts = facts;
    this.#now = now;
    this.#reloadedAtSeconds = now() / 1_000;
    for (const outcome of ["reloaded", "refused"]) this.#reloads.add(0, outcome);
    this.#deaths.add(0);
    this.#tally({
      name: "gate46_build_info",
      help: "Always 1; the labels are the version, runtime and engine",
      labels: ["version", "runtime", "engine"],
      gauge: true,
      now: (add) => {
        const { version, runtime, engine } = this.#seen!;
        add(1, version, runtime, engine);
      },
    });
    this.#gauge("gate46_ready", "1 if the gateway accepts new clients (/readyz)", ({ health }) => Number(health.ready));
    this.#gauge("gate46_draining", "1 if the gateway is draining", ({ health }) => Number(health.parts.draining));
    this.#tally({
      name: "gate46_part_ok",
      help: "1 if this part of /readyz is ready",
      labels: ["part"],
      gauge: true,
      now: (add) => {
        for (const [part, how] of Object.entries(this.#seen!.health.parts)) {
          if (typeof how === "object") add(Number(how.ok), part);
        }
      },
    });
    this.#quota("bytes", "Octets that a user may have relayed in the period that it is", ({ bytes }) => bytes);
    this.#quota("used_bytes", "Octets of that used, of both directions", ({ used }) => used);
    this.#quota("reset_timestamp_seconds", "When the next period begins", ({ until }) => Date.parse(until) / 1_000);
    this.#gauge("gate46_workers", "Worker threads", ({ workers }) => workers);
    this.#gauge("gate46_workers_silent", "Worker threads that do not answer", ({ silentWorkers }) => silentWorkers);
    this.#tally({
      name: "gate46_log_lines_lost_total",
      help: "Log lines that could not be written",
      now: (add) => add(this.#seen!.lostLogLines),
    });
    this.#gauge("gate46_sessions_limit", "--max-sessions", ({ maxSessions }) => maxSessions);
    this.#gauge("gate46_config_generation", "Configurations loaded since the start", () => this.#generation);
    this.#gauge(
      "gate46_config_last_reload_successful",
      "1 if the last reload succeeded, or none was tried",
      () => Number(this.#lastReloadGood),
    );
    this.#gauge(
      "gate46_config_last_reload_success_timestamp_seconds",
      "Time at which the current configuration was loaded, Unix time in seconds",
      () => this.#reloadedAtSeconds,
    );
    this.#ofCertificates(
      "expiry",
      "Expiry of the certificate in this option's file, Unix time in seconds",
      ({ until }) => until,
    );
    this.#ofCertificates("start", "Start of validity of that certificate, Unix time in seconds", ({ from }) => from);
    this.#ofProcess();
    this.#gauge("gate46_fake_names", "Names that have fake addresses", ({ names }) => names?.names);
    this.#gauge("gate46_fake_names_limit", "Names that can have them", ({ names }) => names?.maxNames);
    this.#tally({
      name: "gate46_fake_dns_queries_total",
      help: "Queries to --fake-dns, by what became of them",
      labels: ["outcome"],
      now: (add) => {
        for (const [outcome, count] of Object.entries(this.#seen!.names?.queries ?? {})) add(count, outcome);
      },
    });
  }

  readonly listen: Emit = (event) => {
    switch (event.type) {
      case "reloaded":
        this.#reloads.add(1, "reloaded");
        this.#generation++;
        this.#lastReloadGood = true;
        this.#reloadedAtSeconds = this.#now() / 1_000;
        break;
      case "reload-refused":
        this.#reloads.add(1, "refused");
        this.#lastReloadGood = false;
        break;
      case "worker-died":
        this.#deaths.add(1);
        break;
    }
  };

  snapshot(): Snapshot {
    this.#seen = this.#facts(); // once: some facts need a system call
    return atOnce(this.#collection.look());
  }

  /** With the names that all client libraries of Prometheus use. */
  #ofProcess(): void {
    this.#tally({
      name: "process_cpu_seconds_total",
      help: "CPU time of this process, in seconds",
      now: (add) => add(this.#seen!.figures.cpuSeconds),
    });
    this.#gauge(
      "process_start_time_seconds",
      "Start of this process, Unix time in seconds",
      ({ figures }) => figures.startedAtSeconds,
    );
    this.#gauge("process_resident_memory_bytes", "Resident memory, in bytes", ({ figures }) => figures.residentBytes);
    this.#gauge("process_open_fds", "Open descriptors", ({ figures }) => figures.openDescriptors);
    this.#gauge("process_max_fds", "Maximum open descriptors", ({ figures }) => figures.maxDescriptors);
    this.#gauge("gate46_heap_bytes", "Heap in use by the main thread, in bytes", ({ figures }) => figures.heapBytes);
    this.#gauge(
      "gate46_event_loop_lag_seconds",
      "Maximum delay of the main thread's event loop in the last minute, in seconds",
      ({ figures }) => figures.loopLagSeconds,
    );
  }

  #ofCertificates(which: string, help: string, at: (one: Certificate) => number): void {
    this.#tally({
      name: `gate46_tls_certificate_${which}_timestamp_seconds`,
      help,
      labels: ["option"],
      gauge: true,
      now: (add) => {
        for (const one of this.#seen!.certificates) add(at(one) / 1_000, one.option);
      },
    });
  }

  #quota(which: string, help: string, value: (one: QuotaView) => number): void {
    this.#tally({
      name: `gate46_user_quota_${which}`,
      help,
      labels: ["user"],
      gauge: true,
      now: (add) => {
        for (const one of this.#seen!.quotas ?? []) add(value(one), one.user);
      },
    });
  }

  #gauge(name: string, help: string, value: (facts: ProgramFacts) => number | undefined): void {
    this.#tally({
      name,
      help,
      gauge: true,
      now: (add) => {
        const now = value(this.#seen!);
        if (now !== undefined) add(now);
      },
    });
  }

  #tally(options: TallyOptions): Tally {
    return new Tally(this.#collection, options);
  }
}
