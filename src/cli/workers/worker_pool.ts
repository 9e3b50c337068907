import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { allActivity, lastActivity } from "../../admin/activity.ts";
import { countedSoFar, type Snapshot } from "../../admin/collected.ts";
import { type ThreadVitals, type Vitals, WORKER_SILENT_MS } from "../../admin/readiness.ts";
import { allAccept, allNames } from "../../admin/thread_watch.ts";
import type { Activity, Unwanted, WantedSessions } from "../../admin/status.ts";
import type { DnsReply, Question as DnsQuestion } from "../../dns/servers/message.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import type { Emit } from "../../events.ts";
import type { Authenticator } from "../../gateway/entrance/methods.ts";
import { clearRegion } from "../../gateway/limits/counters.ts";
import type { Clock } from "../../net/clock.ts";
import { pathsMemory } from "../../gateway/dial/path_memory.ts";
import { Cut } from "../../net/cut.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import { DescriptorOwners } from "../../net/linux/engine/descriptor_owners.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import type { SocketAddr, Successors } from "../../net/socket.ts";
import { Exchange } from "./exchange.ts";
import type { Naming } from "../service/naming.ts";
import type { TlsSource } from "../service/tls_source.ts";
import { TlsDesk } from "./tls_threads.ts";
import { UpstreamStates } from "../service/upstream_states.ts";
import { checkDescriptorsFor } from "../service/thread_descriptors.ts";
import type { FromWorker, Order, Question, Setup, ToWorker, WorkerStart } from "./worker_messages.ts";

/** Descriptors that are noted; Linux gives out the lowest free number, and none beyond fs.nr_open. */
const MAX_DESCRIPTORS = 1 << 20;

/** A worker that died is replaced after so long, twice as long each time it dies again soon (ms). */
const FIRST_RESTART_MS = 100, LAST_RESTART_MS = 10_000, SETTLED_MS = 60_000;

/** How long a look at a worker waits for it (ms): it may be busy, or just gone. */
const LOOK_MS = 1_000;

/** A worker hangs that has not done so long after it could have what it is told to (ms): a reload, the end of sessions or of a drain. */
const DONE_MS = 5_000;

/** One that is being started has that much longer (ms): on a small machine the runtime alone takes seconds. */
const START_MS = 60_000;

/** A question to a DNS server is given up after so long (ms); who asks has given up before. */
const DNS_MS = 5_000;

export interface PoolOptions {
  readonly libc: Libc;
  /** The module that a worker begins with. */
  readonly entry: string | URL;
  readonly count: number;
  /** Memory for one thread more than there are workers: the main thread counts too. */
  readonly counters: SharedArrayBuffer;
  readonly emit: Emit;
  /** By which it is patient with workers. */
  readonly clock: Clock;
  /** That of the workers' wall clock. */
  readonly haste: number;
}

/** What workers get, and whom they ask for what they cannot ask for themselves. */
export interface Provision {
  readonly setup: Omit<Setup, "generation" | "asksForPasswords">;
  readonly naming: Pick<Naming, "resolver" | "servers" | "close">;
  /** Closed with `naming`. */
  readonly source: TlsSource;
  readonly authenticator: Authenticator | undefined;
}

interface Member {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly exchange: Exchange<Order, Question>;
  readonly desk: TlsDesk;
  readonly startedAt: number;
  wakeFd: number | undefined;
  /** What it said of itself last, and when. */
  vitals: ThreadVitals | undefined;
  heardAt: number;
  /** What it had counted when it was asked last, and what went on, but for its sessions. */
  counted: Snapshot;
  activity: Activity | undefined;
}

/** A configuration, and the workers that still need it. */
interface Generation {
  readonly setup: Setup;
  readonly naming: Provision["naming"];
  readonly source: TlsSource;
  readonly authenticator: Authenticator | undefined;
  readonly needed: Set<Member>;
}

/** Gateways in threads of their own, which share ports and nothing else: one that dies takes only its own sessions along. */
export class WorkerPool {
  readonly upstreams: UpstreamStates;
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #descriptors = new SharedArrayBuffer(MAX_DESCRIPTORS);
  readonly #paths = pathsMemory((size) => new SharedArrayBuffer(size));
  readonly #sessions: BigInt64Array;
  /** By number; a place is empty while its worker is being replaced. */
  readonly #members: (Member | undefined)[] = [];
  readonly #generations = new Map<number, Generation>();
  /** By workers that have died. */
  #counted: Snapshot = [];
  #activity = allActivity([], 0);
  #current: Generation;
  #heardAt: number;
  #restartMs = FIRST_RESTART_MS;
  #draining = false;

  private constructor(options: PoolOptions, provision: Provision) {
    this.#options = options;
    this.#clock = options.clock;
    this.#heardAt = this.#clock.now();
    this.upstreams = new UpstreamStates(options.emit);
    this.#sessions = new BigInt64Array(new SharedArrayBuffer(8 * (options.count + 1)));
    this.#current = this.#newGeneration(1, provision);
    this.#generations.set(1, this.#current);
  }

  /**
   * Resolves when every worker listens; rejects with NetError where one cannot. `successors`, by address, where the first
   * workers take listeners over from another program.
   */
  static async start(
    options: PoolOptions,
    provision: Provision,
    successors?: ReadonlyMap<string, Successors>,
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(options, provision);
    checkDescriptorsFor(options.count, `start ${options.count === 1 ? "a worker" : `${options.count} workers`}`);
    await Promise.all(Array.from({ length: options.count }, (_, i) => pool.#add(i + 1, successors)));
    return pool;
  }

  get addrs(): readonly SocketAddr[] {
    return this.#current.setup.listen.map(({ addr }) => addr);
  }

  get sessionCount(): number {
    let count = 0;
    for (let i = 1; i < this.#sessions.length; i++) count += this.#sessionsOf(i);
    return count;
  }

  #sessionsOf(number: number): number {
    return Number(Atomics.load(this.#sessions, number));
  }

  get dnsServers(): readonly Transport[] {
    return this.#current.naming.servers;
  }

  /** A worker that died and is not replaced yet counts as silent. */
  vitals(): Vitals {
    const heard = this.#heard();
    const known = heard.flatMap(({ vitals }) => vitals ?? []);
    return {
      workers: this.#options.count,
      silentWorkers: this.#options.count - heard.length,
      hungWorkers: this.#members.filter((member) => member !== undefined).length - heard.length,
      heardAt: this.#heardAt,
      names: allNames(known.map(({ names }) => names)),
      accept: allAccept(known.flatMap(({ accept }) => accept ?? [])),
    };
  }

  /** Of a worker that does not answer within a moment, or is gone, what is known: a sum that falls is taken for a new start. */
  async metrics(): Promise<readonly Snapshot[]> {
    for (const [member, counted] of await this.#look({ type: "metrics" })) member.counted = counted as Snapshot;
    return [this.#counted, ...this.#members.flatMap((member) => member ? [member.counted] : [])];
  }

  /** As with metrics, a worker that is late or gone is not missing from the sums. */
  async activity(sessions: WantedSessions): Promise<Activity> {
    const answers = await this.#look({ type: "activity", sessions }) as ReadonlyMap<Member, Activity>;
    const each = this.#members.flatMap((member) => {
      const answer = member && answers.get(member);
      if (answer) member.activity = { ...answer, sessions: [] };
      return answer ?? member?.activity ?? [];
    });
    return allActivity([this.#activity, ...each], sessions.most);
  }

  async endSessions(unwanted: Unwanted): Promise<number> {
    const ended = (await this.#look({ type: "end-sessions", unwanted }, DONE_MS)).values();
    return Array.from(ended).reduce<number>((sum, count) => sum + (count as number), 0);
  }

  /** Gives new clients what `provision` says. Rejects with NetError where a worker cannot, and then none does. */
  async reload(provision: Provision): Promise<void> {
    const former = this.#current;
    const next = this.#newGeneration(Math.max(...this.#generations.keys()) + 1, provision);
    try {
      await this.#giveAll(next);
    } catch (error) {
      const restored = this.#newGeneration(next.setup.generation + 1, { ...former, setup: former.setup });
      await this.#giveAll(restored).catch((error) => {
        if (!isOf(error, "timed-out")) this.#options.emit({ type: "fault", error });
      });
      this.#closeIfUnneeded(next);
      throw error;
    } finally {
      this.upstreams.forget(); // or of those that some workers had for a moment
    }
  }

  async drain(deadlineMs: number): Promise<void> {
    const { emit } = this.#options;
    this.#draining = true;
    emit({ type: "draining", sessions: this.sessionCount, deadlineMs });
    const cuts = await Promise.all(this.#members.map((member, number) => {
      const had = this.#sessionsOf(number);
      return member && this.#ask(member, { type: "drain", deadlineMs }, deadlineMs + DONE_MS).catch(() => had);
    }));
    for (const { naming } of this.#generations.values()) naming.close();
    emit({ type: "drained", cut: cuts.reduce<number>((sum, cut) => sum + (cut as number | undefined ?? 0), 0) });
  }

  #newGeneration(generation: number, { setup, naming, source, authenticator }: Provision): Generation {
    return {
      setup: { ...setup, generation, asksForPasswords: authenticator !== undefined },
      naming,
      source,
      authenticator,
      needed: new Set(),
    };
  }

  /** From now on `next` is what workers are started with; resolves when those that run have it. */
  async #giveAll(next: Generation): Promise<void> {
    this.#current = next;
    this.#generations.set(next.setup.generation, next);
    await Promise.all(this.#members.map(async (member) => {
      if (!member) return;
      next.needed.add(member);
      try {
        const starts = member.wakeFd === undefined;
        await this.#ask(member, { type: "reload", setup: next.setup }, starts ? START_MS + DONE_MS : DONE_MS);
      } catch (error) {
        if (isOf(error, "timed-out")) throw error; // it has this, and what follows, when it goes on
        this.#retire(next, member);
        if (!isOf(error, "closed")) throw error; // who died is replaced by one that has it
      }
    }));
  }

  #retire(generation: Generation, member: Member): void {
    if (generation.needed.delete(member)) this.#closeIfUnneeded(generation);
  }

  #closeIfUnneeded(generation: Generation): void {
    const { naming, needed, setup } = generation;
    if (needed.size > 0 || generation === this.#current) return;
    this.#generations.delete(setup.generation);
    if (!Array.from(this.#generations.values()).some((other) => other.naming === naming)) naming.close();
  }

  #add(number: number, successors: ReadonlyMap<string, Successors> = new Map()): Promise<void> {
    const { entry } = this.#options;
    const generation = this.#current;
    const { port1: port, port2 } = new MessageChannel();
    const workerData: WorkerStart = {
      gate46: "worker",
      setup: generation.setup,
      successors,
      port: port2,
      number,
      descriptors: this.#descriptors,
      counters: this.#options.counters,
      paths: this.#paths,
      sessions: this.#sessions.buffer as SharedArrayBuffer,
      haste: this.#options.haste,
    };
    const worker = new Worker(entry as string, { workerData, transferList: [port2] });
    const desk = new TlsDesk();
    const member: Member = {
      worker,
      port,
      exchange: new Exchange(
        (...letter) => this.#tell(member, ...letter),
        (question, unwanted) => this.#valueOf(question, desk, unwanted),
      ),
      desk,
      startedAt: this.#clock.now(),
      wakeFd: undefined,
      vitals: undefined,
      heardAt: this.#clock.now(),
      counted: [],
      activity: undefined,
    };
    generation.needed.add(member);
    this.#members[number] = member;
    return new Promise((resolve, reject) => {
      port.on("message", (message: FromWorker) => {
        if (message.type === "listening") {
          member.wakeFd = message.wakeFd;
          this.#wake(member); // for what it was told before
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
      case "upstream":
        return this.upstreams.note(message.event);
      case "pulse":
        member.vitals = message.vitals;
        this.#heardAt = member.heardAt = this.#clock.now();
        return;
      case "retired": {
        const generation = this.#generations.get(message.generation);
        return generation && this.#retire(generation, member);
      }
      default:
        member.exchange.take(message);
    }
  }

  #valueOf(question: Question, desk: TlsDesk, unwanted: Cut): Promise<unknown> {
    const generation = this.#generations.get(question.generation);
    if (question.type === "tls") return desk.act(question.id, question.end, question.act);
    if (question.type === "tls-open") {
      return desk.open(question.id, question.name, question.asker, generation?.source);
    }
    const { naming: { resolver, servers }, authenticator } = generation!;
    switch (question.type) {
      case "resolve":
        return resolver.resolve(question.name, unwanted, question.asker);
      case "reverse":
        return resolver.reverse(question.address, unwanted, question.asker);
      case "dns":
        return askWithin(DNS_MS, servers[question.place]!, question.question, unwanted);
      case "verify":
        return authenticator!.verify(question, question.client, unwanted);
    }
  }

  #tell(member: Member, message: ToWorker, memory: ArrayBuffer[]): void {
    member.port.postMessage(message, memory);
    this.#wake(member);
  }

  #wake({ wakeFd }: Member): void {
    if (wakeFd !== undefined) this.#options.libc.write(wakeFd, wake, wake.length);
  }

  /** Ends what the kernel still has of a dead worker, and puts another in its place. */
  #died(number: number, member: Member, cause: unknown): void {
    if (this.#members[number] !== member) return;
    const { libc, emit } = this.#options;
    this.#members[number] = undefined;
    this.#counted = countedSoFar(this.#counted, member.counted);
    if (member.activity) this.#activity = allActivity([this.#activity, lastActivity(member.activity)], 0);
    member.port.close();
    const owners = new DescriptorOwners(this.#descriptors, number);
    for (const fd of owners.owned()) {
      owners.remove(fd);
      libc.close(fd);
    }
    clearRegion(this.#options.counters, number - 1);
    const lost = Number(Atomics.exchange(this.#sessions, number, 0n));
    member.exchange.abandon();
    member.desk.abandon();
    for (const generation of this.#generations.values()) this.#retire(generation, member);
    const listened = member.wakeFd !== undefined;
    member.wakeFd = undefined; // its number is somebody else's from now on, and answers to questions of the dead are under way
    if (this.#draining || !listened) return; // one that never listened is told to who started it
    emit({ type: "worker-died", worker: number, sessions: lost, error: cause });
    this.#replaceLater(number, this.#clock.now() - member.startedAt);
  }

  #replaceLater(number: number, livedMs: number): void {
    this.#restartMs = livedMs > SETTLED_MS ? FIRST_RESTART_MS : Math.min(2 * this.#restartMs, LAST_RESTART_MS);
    this.#clock.after(this.#restartMs, async () => {
      if (this.#draining) return;
      try {
        checkDescriptorsFor(1, "start a worker");
        await this.#add(number);
      } catch (error) {
        this.#options.emit({ type: "worker-died", worker: number, sessions: 0, error });
        this.#replaceLater(number, 0);
      }
    });
  }

  /** Those that said how they are not long ago. */
  #heard(): readonly Member[] {
    const since = this.#clock.now() - WORKER_SILENT_MS;
    return this.#members.filter((member) => member !== undefined).filter(({ heardAt }) => heardAt >= since);
  }

  /** What the workers answer that do within `ms`; who is known to hang would only have more to do later. */
  async #look(order: Order, ms = LOOK_MS): Promise<ReadonlyMap<Member, unknown>> {
    const answers = new Map<Member, unknown>();
    await Promise.all(
      this.#heard().map(async (member) => {
        const answer = await this.#ask(member, order, ms).catch(() => undefined);
        if (answer !== undefined) answers.set(member, answer);
      }),
    );
    return answers;
  }

  /** What that worker answers. Rejects with NetError: "timed-out" where that takes longer than `ms`, "closed" where it dies. */
  async #ask({ exchange }: Member, order: Order, ms: number): Promise<unknown> {
    const late = Promise.withResolvers<never>();
    const timedOut = () => new NetError("timed-out", `Cannot ${order.type}: a worker does not answer`);
    const cancel = this.#clock.after(ms, () => late.reject(timedOut()));
    try {
      return await Promise.race([exchange.ask(order), late.promise]);
    } finally {
      cancel();
    }
  }
}

const wake = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

function isOf(error: unknown, kind: NetErrorKind): boolean {
  return error instanceof NetError && error.kind === kind;
}

async function askWithin(ms: number, server: Transport, question: DnsQuestion, unwanted: Cut): Promise<DnsReply> {
  const over = new Cut();
  const timer = setTimeout(() => over.make(), ms);
  const release = unwanted.on(() => over.make());
  try {
    return await server.ask(question, over);
  } finally {
    clearTimeout(timer);
    release();
  }
}
