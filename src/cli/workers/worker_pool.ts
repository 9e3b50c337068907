import { allActivity, lastActivity } from "../../admin/activity.ts";
import { countedSoFar, type Snapshot } from "../../admin/counted/collected.ts";
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
import type { ThreadAhead } from "./messages/thread_ahead.ts";
import type { News, Order } from "./messages/worker_messages.ts";

/** Delay before a dead worker is replaced, doubled each time up to a maximum; lifetime after which it is reset (ms). */
const FIRST_RESTART_MS = 100, LAST_RESTART_MS = 10_000, SETTLED_MS = 60_000;

/** Timeout of a request to a worker (ms): the worker may be busy, or just gone. */
const LOOK_MS = 1_000;

/** Timeout for a worker to do a reload, to end sessions, or to finish after a drain's deadline (ms); then it hangs. */
const DONE_MS = 5_000;

/** Additional timeout for a starting worker (ms): on a small machine the runtime alone takes seconds to start. */
const START_MS = 60_000;

export interface PoolOptions {
  readonly libc: Libc;
  /** The module that starts a worker. */
  readonly entry: string | URL;
  readonly count: number;
  /** Memory for the workers and the main thread, which counts too. */
  readonly counters: SharedArrayBuffer;
  /** The table of fake addresses; `clear` removes a dead worker from it. */
  readonly names?: { readonly memory: SharedArrayBuffer; clear(worker: number): void } | undefined;
  readonly emit: Emit;
  /** Receives the traffic of users with a quota, and knows the users whose quota is used up. */
  readonly quotas?:
    | { readonly usedUp: ReadonlyMap<string, string>; add(usage: readonly Usage[]): void }
    | undefined;
  /** The clock of deadlines for workers. */
  readonly clock: Clock;
  /** Haste of the workers' wall clock. */
  readonly haste: number;
  /** A started thread for the first worker. */
  readonly ahead?: ThreadAhead | undefined;
}

/** Gateways in separate threads that share only ports: a worker that dies loses only its own sessions. */
export class WorkerPool {
  readonly upstreams: UpstreamStates;
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #memory: CommonMemory;
  /** Workers by number; undefined while a worker is being replaced. */
  readonly #members: (Member | undefined)[] = [];
  readonly #generations: Generations;
  /** Counters of workers that have died. */
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
   * Resolves when every worker listens; rejects with NetError if one cannot. `successors` are, by address, the listeners that
   * the first workers take over from another program.
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
    const first = pool.#add(1, successors, ahead);
    // Clients need not wait for the others: Deno holds this thread for 20 ms while it makes one.
    await Promise.race([first.told, first.listening]);
    const others = Array.from({ length: count - 1 }, (_, i) => pool.#add(i + 2, successors));
    await Promise.all([first, ...others].map(({ listening }) => listening));
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

  /** For a worker that is late or gone, its last known counters: a falling sum would look like a restart. */
  async metrics(): Promise<readonly Snapshot[]> {
    for (const [member, counted] of await this.#look({ type: "metrics" })) member.counted = counted as Snapshot;
    return [this.#counted, ...this.#members.flatMap((member) => member ? [member.counted] : [])];
  }

  /** The sums include the last known values of a worker that is late or gone, as in metrics(). */
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

  /** Tells workers whose quota is used up; they end the sessions of these users. */
  async tellQuotas(usedUp: ReadonlyMap<string, string>): Promise<void> {
    await this.#look({ type: "quotas", usedUp });
  }

  /** Serves new clients by `provision`. Rejects with NetError if a worker cannot, and then no worker does. */
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
      this.upstreams.forget(); // also after a failure: some workers had other upstreams for a moment
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

  /** Cuts the sessions that a drain has left. */
  cutRest(): void {
    for (const member of this.#members) member?.ask({ type: "cut-rest" }, DONE_MS).catch(() => {});
  }

  /** Resolves when the running workers have `next`; new workers start with it. */
  async #giveAll(next: Generation): Promise<void> {
    await Promise.all(this.#members.map(async (member) => {
      if (!member) return;
      next.needed.add(member);
      try {
        const ms = member.listens ? DONE_MS : START_MS + DONE_MS;
        await member.ask({ type: "reload", setup: next.setup }, ms);
      } catch (error) {
        if (isOf(error, "timed-out")) throw error; // it gets this and later orders when it continues
        this.#generations.retire(next, member);
        if (!isOf(error, "closed")) throw error; // a dead worker's replacement starts with `next`
      }
    }));
  }

  #add(number: number, successors: ReadonlyMap<string, Successors> = new Map(), ahead?: ThreadAhead): Member {
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
    return member;
  }

  #hear(member: Member, news: News): void {
    switch (news.type) {
      case "upstream":
        return this.upstreams.note(news.event);
      case "pulse":
        this.#heardAt = member.heardAt;
        this.#count(member, news.usage);
        if (news.sessions) this.#options.emit({ type: "sessions-reported", ...news.sessions });
        return this.#options.emit({ type: "thread-counted", counts: news.counts, ms: member.pulseMs });
      case "retired": {
        const generation = this.#generations.get(news.generation);
        return generation && this.#generations.retire(generation, member);
      }
    }
  }

  /** Adds up the traffic. Repeats the order to a worker that still has sessions of users whose quota is used up. */
  #count(member: Member, usage: readonly Usage[]): void {
    const { quotas } = this.#options;
    if (!quotas || usage.length === 0) return;
    const { usedUp } = quotas;
    quotas.add(usage);
    if (!usage.some(({ user }) => usedUp.has(user))) return;
    member.ask({ type: "quotas", usedUp: quotas.usedUp }, LOOK_MS).catch(() => {});
  }

  /** Clears the state of a dead worker, and starts its replacement later. */
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
    if (this.#draining || !listens) return; // if it never listened, its starter gets the error
    emit({ type: "worker-died", worker: number, sessions: lost, error: cause });
    this.#replaceLater(number, this.#clock.now() - member.startedAt);
  }

  #replaceLater(number: number, livedMs: number): void {
    this.#restartMs = livedMs > SETTLED_MS ? FIRST_RESTART_MS : Math.min(2 * this.#restartMs, LAST_RESTART_MS);
    this.#clock.after(this.#restartMs, async () => {
      if (this.#draining) return;
      try {
        checkDescriptorsFor(1, "start a worker");
        await this.#add(number).listening;
      } catch (error) {
        this.#options.emit({ type: "worker-died", worker: number, sessions: 0, error });
        this.#replaceLater(number, 0);
      }
    });
  }

  /** Workers that reported recently. */
  #heard(): readonly Member[] {
    const since = this.#clock.now() - WORKER_SILENT_MS;
    return this.#members.filter((member) => member !== undefined).filter(({ heardAt }) => heardAt >= since);
  }

  /** Answers of the workers that answer within `ms`. Silent workers are not asked: that would only add to their work. */
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
