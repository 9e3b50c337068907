import { allActivity, lastActivity } from "../../admin/activity.ts";
import { countedSoFar, type Snapshot } from "../../admin/collected.ts";
import { type Vitals, WORKER_SILENT_MS } from "../../admin/readiness.ts";
import type { Activity, Unwanted, WantedSessions } from "../../admin/status.ts";
import { allAccept, allNames } from "../../admin/thread_watch.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import type { Emit } from "../../events.ts";
import type { Usage } from "../../gateway/quotas/quota_meter.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import type { SocketAddr, Successors } from "../../net/socket.ts";
import { checkDescriptorsFor } from "../service/threads/thread_descriptors.ts";
import { UpstreamStates } from "../service/upstream_states.ts";
import { CommonMemory } from "./common_memory.ts";
import { type Generation, Generations } from "./generations.ts";
import { Member, type Starter } from "./member.ts";
import { answerBy, type Provision } from "./provision.ts";
import type { ThreadAhead } from "./thread_ahead.ts";
import type { News, Order } from "./worker_messages.ts";

/** A worker that died is replaced after so long, twice as long each time it dies again soon (ms). */
const FIRST_RESTART_MS = 100, LAST_RESTART_MS = 10_000, SETTLED_MS = 60_000;

/** How long a look at a worker waits for it (ms): it may be busy, or just gone. */
const LOOK_MS = 1_000;

/** A worker hangs that has not done so long after it could have what it is told to (ms): a reload, the end of sessions or of a drain. */
const DONE_MS = 5_000;

/** One that is being started has that much longer (ms): on a small machine the runtime alone takes seconds. */
const START_MS = 60_000;

export interface PoolOptions {
  readonly libc: Libc;
  /** The module that a worker begins with. */
  readonly entry: string | URL;
  readonly count: number;
  /** Memory for one thread more than there are workers: the main thread counts too. */
  readonly counters: SharedArrayBuffer;
  /** The table of fake addresses, and what a worker that has died is forgotten by there. */
  readonly names?: { readonly memory: SharedArrayBuffer; clear(worker: number): void } | undefined;
  readonly emit: Emit;
  /** Told of what users with a quota have relayed, and asked whose is used up. */
  readonly quotas?:
    | { readonly usedUp: ReadonlyMap<string, string>; add(usage: readonly Usage[]): void }
    | undefined;
  /** By which it is patient with workers. */
  readonly clock: Clock;
  /** That of the workers' wall clock. */
  readonly haste: number;
  /** A thread that waits to be the first worker. */
  readonly ahead?: ThreadAhead | undefined;
}

/** Gateways in threads of their own, which share ports and nothing else: one that dies takes only its own sessions along. */
export class WorkerPool {
  readonly upstreams: UpstreamStates;
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #memory: CommonMemory;
  /** By number; a place is empty while its worker is being replaced. */
  readonly #members: (Member | undefined)[] = [];
  readonly #generations: Generations;
  /** By workers that have died. */
  #counted: Snapshot = [];
  #activity = allActivity([], 0);
  #heardAt: number;
  #restartMs = FIRST_RESTART_MS;
  #draining = false;

  private constructor(options: PoolOptions, provision: Provision) {
    this.#options = options;
    this.#clock = options.clock;
    this.#heardAt = this.#clock.now();
    this.upstreams = new UpstreamStates(options.emit);
    this.#memory = new CommonMemory(options.count, options.counters, options.names?.memory);
    this.#generations = new Generations(provision);
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
    const { count } = options, ahead = options.ahead?.gone ? undefined : options.ahead;
    checkDescriptorsFor(
      ahead ? count - 1 : count,
      `start ${options.count === 1 ? "a worker" : `${options.count} workers`}`,
    );
    await Promise.all(
      Array.from({ length: options.count }, (_, i) => pool.#add(i + 1, successors, i === 0 ? ahead : undefined)),
    );
    return pool;
  }

  get addrs(): readonly SocketAddr[] {
    return this.#generations.current.setup.listen.map(({ addr }) => addr);
  }

  get sessionCount(): number {
    return this.#memory.sessionCount;
  }

  get dnsServers(): readonly Transport[] {
    return this.#generations.current.naming.servers;
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
    const answers = await this.#look({ type: "activity", sessions });
    const each = this.#members.flatMap((member) => {
      const text = member && answers.get(member);
      const answer: Activity | undefined = typeof text === "string" ? JSON.parse(text) : undefined;
      if (member && answer) member.activity = { ...answer, sessions: [] };
      return answer ?? member?.activity ?? [];
    });
    return allActivity([this.#activity, ...each], sessions.most);
  }

  async endSessions(unwanted: Unwanted): Promise<number> {
    const ended = (await this.#look({ type: "end-sessions", unwanted }, DONE_MS)).values();
    return Array.from(ended).reduce<number>((sum, count) => sum + (count as number), 0);
  }

  /** Has workers know whose quota is used up, and end their sessions. */
  async tellQuotas(usedUp: ReadonlyMap<string, string>): Promise<void> {
    await this.#look({ type: "quotas", usedUp });
  }

  /** Gives new clients what `provision` says. Rejects with NetError where a worker cannot, and then none does. */
  async reload(provision: Provision): Promise<void> {
    const former = this.#generations.current;
    const next = this.#generations.follow(provision);
    try {
      await this.#giveAll(next);
    } catch (error) {
      await this.#giveAll(this.#generations.follow(former)).catch((error) => {
        if (!isOf(error, "timed-out")) this.#options.emit({ type: "fault", error });
      });
      this.#generations.closeIfUnneeded(next);
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
      const had = this.#memory.sessionsOf(number);
      return member?.ask({ type: "drain", deadlineMs }, deadlineMs + DONE_MS).catch(() => had);
    }));
    this.#generations.close();
    emit({ type: "drained", cut: cuts.reduce<number>((sum, cut) => sum + (cut as number | undefined ?? 0), 0) });
  }

  /** Resolves when the workers that run have `next`; others are started with it. */
  async #giveAll(next: Generation): Promise<void> {
    await Promise.all(this.#members.map(async (member) => {
      if (!member) return;
      next.needed.add(member);
      try {
        const ms = member.listens ? DONE_MS : START_MS + DONE_MS;
        await member.ask({ type: "reload", setup: next.setup }, ms);
      } catch (error) {
        if (isOf(error, "timed-out")) throw error; // it has this, and what follows, when it goes on
        this.#generations.retire(next, member);
        if (!isOf(error, "closed")) throw error; // who died is replaced by one that has it
      }
    }));
  }

  #add(number: number, successors: ReadonlyMap<string, Successors> = new Map(), ahead?: ThreadAhead): Promise<void> {
    const { libc, entry, haste, count: workers, quotas: { usedUp } = nobody } = this.#options;
    const { current } = this.#generations;
    const starter: Starter = {
      libc,
      entry,
      clock: this.#clock,
      answer: (question, desk, unwanted) => {
        return answerBy(this.#generations.get(question.generation), question, desk, unwanted);
      },
      hear: (member, news) => this.#hear(member, news),
      died: (member, cause) => this.#died(number, member, cause),
    };
    const member = new Member(
      starter,
      { setup: current.setup, usedUp, successors, number, workers, haste, ...this.#memory.buffers },
      ahead,
    );
    current.needed.add(member);
    this.#members[number] = member;
    return member.listening;
  }

  #hear(member: Member, news: News): void {
    switch (news.type) {
      case "upstream":
        return this.upstreams.note(news.event);
      case "pulse":
        this.#heardAt = member.heardAt;
        this.#count(member, news.usage);
        return this.#options.emit({ type: "thread-counted", counts: news.counts, ms: member.pulseMs });
      case "retired": {
        const generation = this.#generations.get(news.generation);
        return generation && this.#generations.retire(generation, member);
      }
    }
  }

  /** Who still has sessions of users whose quota is used up is told once more: it may have been silent then. */
  #count(member: Member, usage: readonly Usage[]): void {
    const { quotas } = this.#options;
    if (!quotas || usage.length === 0) return;
    const { usedUp } = quotas;
    quotas.add(usage);
    if (!usage.some(({ user }) => usedUp.has(user))) return;
    member.ask({ type: "quotas", usedUp: quotas.usedUp }, LOOK_MS).catch(() => {});
  }

  /** Has nothing left of a dead worker, and another in its place. */
  #died(number: number, member: Member, cause: unknown): void {
    if (this.#members[number] !== member) return;
    const { libc, emit } = this.#options;
    const { listens } = member;
    this.#members[number] = undefined;
    this.#counted = countedSoFar(this.#counted, member.counted);
    if (member.activity) this.#activity = allActivity([this.#activity, lastActivity(member.activity)], 0);
    member.abandon();
    const lost = this.#memory.clear(number, libc);
    this.#options.names?.clear(number);
    this.#generations.retireAll(member);
    if (this.#draining || !listens) return; // one that never listened is told to who started it
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
        const answer = await member.ask(order, ms).catch(() => undefined);
        if (answer !== undefined) answers.set(member, answer);
      }),
    );
    return answers;
  }
}

const nobody = { usedUp: new Map<string, string>() };

function isOf(error: unknown, kind: NetErrorKind): boolean {
  return error instanceof NetError && error.kind === kind;
}
