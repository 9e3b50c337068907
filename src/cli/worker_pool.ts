import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { aggregateText, aggregateType, type Snapshot } from "../admin/aggregate.ts";
import type { MetricsSource } from "../admin/app.ts";
import type { DnsReply, Question as DnsQuestion } from "../dns/message.ts";
import type { Transport } from "../dns/transport.ts";
import type { Emit } from "../events.ts";
import type { Authenticator } from "../gateway/methods.ts";
import { clearRegion, countersMemory } from "../gateway/limits/counters.ts";
import { Cut } from "../net/cut.ts";
import { NetError, netError } from "../net/error.ts";
import { DescriptorOwners } from "../net/linux/descriptor_owners.ts";
import type { Libc } from "../net/linux/libc.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { Naming } from "./names.ts";
import type { Service } from "./service.ts";
import { UpstreamStates } from "./upstream_states.ts";
import type { FromWorker, Question, ToWorker, WorkerStart } from "./worker_messages.ts";

/** Descriptors that are noted; Linux gives out the lowest free number, and none beyond fs.nr_open. */
const MAX_DESCRIPTORS = 1 << 20;

/** A worker that died is replaced after so long, twice as long each time it dies again soon (ms). */
const FIRST_RESTART_MS = 100, LAST_RESTART_MS = 10_000, SETTLED_MS = 60_000;

/** How long /metrics waits for a worker (ms): it may be busy, or just gone. */
const METRICS_MS = 1_000;

/** A question to a DNS server is given up after so long (ms); who asks has given up before. */
const DNS_MS = 5_000;

export interface PoolOptions {
  readonly libc: Libc;
  /** The module that a worker begins with. */
  readonly entry: string | URL;
  readonly count: number;
  readonly start: Pick<WorkerStart, "config" | "listen" | "otherListeners" | "asksForPasswords">;
  /** Whom workers ask for what they cannot ask for themselves. */
  readonly naming: Pick<Naming, "resolver" | "servers" | "close">;
  readonly authenticator: Authenticator | undefined;
  readonly emit: Emit;
}

interface Member {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly startedAt: number;
  wakeFd: number | undefined;
  metrics: ((metrics: Snapshot) => void) | undefined;
  drained: ((cut: number) => void) | undefined;
}

/** Gateways in threads of their own, which share ports and nothing else: one that dies takes only its own sessions along. */
export class WorkerPool implements Service {
  readonly upstreams: UpstreamStates;
  readonly #options: PoolOptions;
  readonly #descriptors = new SharedArrayBuffer(MAX_DESCRIPTORS);
  readonly #counters: SharedArrayBuffer;
  readonly #sessions: Int32Array;
  /** By number; a place is empty while its worker is being replaced. */
  readonly #members: (Member | undefined)[] = [];
  #restartMs = FIRST_RESTART_MS;
  #draining = false;

  private constructor(options: PoolOptions) {
    this.#options = options;
    this.upstreams = new UpstreamStates(options.emit);
    this.#counters = countersMemory(options.count, (size) => new SharedArrayBuffer(size));
    this.#sessions = new Int32Array(new SharedArrayBuffer(4 * (options.count + 1)));
  }

  /** Resolves when every worker listens; rejects with NetError where one cannot. */
  static async start(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    await Promise.all(Array.from({ length: options.count }, (_, i) => pool.#add(i + 1)));
    return pool;
  }

  get addrs(): readonly SocketAddr[] {
    return this.#options.start.listen;
  }

  get sessionCount(): number {
    let count = 0;
    for (let i = 1; i < this.#sessions.length; i++) count += Atomics.load(this.#sessions, i);
    return count;
  }

  get metrics(): MetricsSource {
    return { contentType: aggregateType, metrics: () => this.#allMetrics() };
  }

  async drain(deadlineMs: number): Promise<void> {
    const { emit } = this.#options;
    this.#draining = true;
    emit({ type: "draining", sessions: this.sessionCount, deadlineMs });
    const cuts = await Promise.all(this.#members.map((member) =>
      member && new Promise<number>((resolve) => {
        member.drained = resolve;
        this.#tell(member, { type: "drain", deadlineMs });
      })
    ));
    this.#options.naming.close();
    emit({ type: "drained", cut: cuts.reduce<number>((sum, cut) => sum + (cut ?? 0), 0) });
  }

  #add(number: number): Promise<void> {
    const { entry, start } = this.#options;
    const { port1: port, port2 } = new MessageChannel();
    const workerData: WorkerStart = {
      ...start,
      gate46: "worker",
      port: port2,
      number,
      descriptors: this.#descriptors,
      counters: this.#counters,
      sessions: this.#sessions.buffer as SharedArrayBuffer,
    };
    const worker = new Worker(entry as string, { workerData, transferList: [port2] });
    const member: Member = {
      worker,
      port,
      startedAt: performance.now(),
      wakeFd: undefined,
      metrics: undefined,
      drained: undefined,
    };
    this.#members[number] = member;
    return new Promise((resolve, reject) => {
      port.on("message", (message: FromWorker) => {
        if (message.type === "listening") {
          member.wakeFd = message.wakeFd;
          resolve();
        } else if (message.type === "not-listening") reject(new NetError(message.kind, message.message));
        else this.#take(member, message);
      });
      let cause: unknown;
      worker.once("error", (error) => cause = error);
      worker.once("exit", () => {
        this.#died(number, member, cause);
        reject(cause ?? new Error(`Cannot start worker ${number}: it ended`));
      });
    });
  }

  #take(member: Member, message: Exclude<FromWorker, { type: "listening" | "not-listening" }>): void {
    switch (message.type) {
      case "question":
        return void this.#answer(member, message.id, message.question);
      case "upstream":
        return this.upstreams.note(message.event);
      case "metrics":
        return member.metrics?.(message.metrics);
      case "drained":
        return member.drained?.(message.cut);
    }
  }

  async #answer(member: Member, id: number, question: Question): Promise<void> {
    try {
      this.#tell(member, { type: "answer", id, value: await this.#valueOf(question) });
    } catch (error) {
      const { kind, message } = netError(error, "answer", question.type);
      this.#tell(member, { type: "refusal", id, kind, message });
    }
  }

  #valueOf(question: Question): Promise<unknown> {
    const { naming: { resolver, servers }, authenticator } = this.#options;
    switch (question.type) {
      case "resolve":
        return resolver.resolve(question.name);
      case "reverse":
        return resolver.reverse(question.address);
      case "dns":
        return askWithin(DNS_MS, servers[question.place]!, question.question);
      case "verify":
        return authenticator!.verify(question, () => true);
    }
  }

  #tell(member: Member, message: ToWorker): void {
    member.port.postMessage(message);
    if (member.wakeFd !== undefined) this.#options.libc.write(member.wakeFd, wake, wake.length);
  }

  /** Ends what the kernel still has of a dead worker, and puts another in its place. */
  #died(number: number, member: Member, cause: unknown): void {
    if (this.#members[number] !== member) return;
    const { libc, emit } = this.#options;
    this.#members[number] = undefined;
    member.port.close();
    const owners = new DescriptorOwners(this.#descriptors, number);
    for (const fd of owners.owned()) {
      owners.remove(fd);
      libc.close(fd);
    }
    clearRegion(this.#counters, number - 1);
    const lost = Atomics.exchange(this.#sessions, number, 0);
    member.metrics?.([]);
    member.drained?.(lost);
    if (this.#draining || member.wakeFd === undefined) return; // one that never listened is told to who started it
    emit({ type: "worker-died", worker: number, sessions: lost, error: cause });
    this.#replaceLater(number, performance.now() - member.startedAt);
  }

  #replaceLater(number: number, livedMs: number): void {
    this.#restartMs = livedMs > SETTLED_MS ? FIRST_RESTART_MS : Math.min(2 * this.#restartMs, LAST_RESTART_MS);
    setTimeout(() => {
      if (this.#draining) return;
      this.#add(number).catch((error) => {
        this.#options.emit({ type: "worker-died", worker: number, sessions: 0, error });
        this.#replaceLater(number, 0);
      });
    }, this.#restartMs);
  }

  async #allMetrics(): Promise<string> {
    const all = await Promise.all(this.#members.map((member) => member && this.#metricsOf(member)));
    return await aggregateText(all.filter((snapshot) => snapshot !== undefined));
  }

  #metricsOf(member: Member): Promise<Snapshot> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve([]), METRICS_MS);
      member.metrics = (metrics) => {
        clearTimeout(timer);
        resolve(metrics);
      };
      this.#tell(member, { type: "metrics" });
    });
  }
}

const wake = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

async function askWithin(ms: number, server: Transport, question: DnsQuestion): Promise<DnsReply> {
  const late = new Cut();
  const timer = setTimeout(() => late.make(), ms);
  try {
    return await server.ask(question, late);
  } finally {
    clearTimeout(timer);
  }
}
