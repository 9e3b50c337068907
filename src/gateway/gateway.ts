import { addressText } from "../protocol/address.ts";
import type { SessionRecord } from "../events.ts";
import { pause } from "../net/clock.ts";
import { netError } from "../net/error.ts";
import type { Listener, ListenOptions, SocketAddr } from "../net/socket.ts";
import { methodsAt } from "./entrance/access.ts";
import { Admission } from "./entrance/admission.ts";
import type { Arrival, Listened } from "./entrance/arrival.ts";
import { Counters } from "./limits/counters.ts";
import { Limits } from "./limits/limits.ts";
import { PathMemory } from "./dial/path_memory.ts";
import { askingOf, type Configured } from "./configured.ts";
import { Exits } from "./dial/exits.ts";
import type { WayOut } from "./way_out.ts";
import { Session, type SessionContext } from "./session.ts";
import { isUdp, purposeOf, type Speech } from "./settings.ts";
import { DatagramListener } from "./udp/flows/datagram_listener.ts";

/** How long a listener pauses when the system has no descriptors left. */
const ACCEPT_PAUSE_MS = 100;

/** In a drain, the time for connected clients to send their request: a handshake in progress is not cut, and a silent client is not waited for. */
const LAST_REQUEST_MS = 1_000;

/** What a gateway is made of. */
export interface GatewayContext extends Configured {
  /**
   * Shared with other gateways, or this one's own; so is the next.
   * @internal
   */
  readonly counters?: Counters | undefined;
  /**
   * Which addresses answered lately.
   * @internal
   */
  readonly paths?: PathMemory | undefined;
  /** Secret for the stable addresses of users and clients; by default the secret of the path memory. */
  readonly exitKey?: string | undefined;
  /** Number of sessions that the descriptor limit allows. */
  readonly capacity?: number;
}

/** The configuration of new clients. It lives until it is replaced and its last session has ended. */
interface Generation {
  readonly context: SessionContext;
  sessions: number;
  /** Called when no session uses it any more. */
  retired: (() => void) | undefined;
}

/** What a listener is for. */
export interface Listening extends ListenOptions {
  /** True if its clients speak TLS. */
  readonly tls?: boolean | undefined;
  /** The protocols allowed in it; undefined for all. */
  readonly only?: Speech | undefined;
  /** What to accept from, in place of an own one: what there is already, or what it makes, which may throw NetError. */
  readonly listener?: Listener | (() => Listener) | undefined;
  /** The source of its clients' connections. */
  readonly wayOut?: WayOut | undefined;
}

/** Prepared listeners, which accept no clients yet. */
export interface Opening {
  /** Listens on `addr`, or keeps the listener that is there. Rejects with NetError. */
  listen(addr: SocketAddr, options?: Listening): Promise<SocketAddr>;
  /**
   * From now on only these listeners accept clients, with `context`; sessions keep their context. Calls `retired`
   * when the last session with the former context has ended.
   */
  apply(context: GatewayContext, retired: () => void): void;
  /** Closes what was opened. */
  abandon(): void;
}

/** Gateway G of RFC 3089: listeners, their sessions, and the drain. */
export class Gateway {
  #generation: Generation;
  /** By the requested address. */
  #listeners = new Map<string, Listener>();
  /** What each is for. */
  #listened: ReadonlyMap<Listener, Listened> = new Map();
  readonly #counters: Counters;
  readonly #paths: PathMemory;
  readonly #admission = new Admission(() => this.#context, (arrival) => this.#open(arrival));
  readonly #sessions = new Set<Session>();
  readonly #nextId: () => number;
  #lastId = 0;
  #draining = false;
  #cutRest = () => {};
  #wakeDrain = () => {};

  /** `nextId` numbers sessions across several gateways. */
  constructor(context: GatewayContext, nextId?: () => number) {
    this.#counters = context.counters ?? new Counters();
    this.#paths = context.paths ?? new PathMemory(context.clock);
    this.#generation = this.#newGeneration(context);
    this.#nextId = nextId ?? (() => ++this.#lastId);
  }

  /** How many sessions there are now. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** True if it takes no more clients, and waits for the last session. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Where it listens, ports resolved. */
  get addrs(): readonly SocketAddr[] {
    return Array.from(this.#listeners.values(), (listener) => listener.addr);
  }

  /** Rejects with NetError. */
  async listen(addr: SocketAddr, options: Listening = {}): Promise<SocketAddr> {
    const listener = await openListener(this.#context, addr, options);
    this.#listeners.set(listenerKey(addr, options.only, this.#listeners), listener);
    this.#listened = new Map([...this.#listened, [listener, listened(addr, listener, options)]]);
    this.#serve(listener);
    return listener.addr;
  }

  /** Prepares other listeners and another context; nothing changes before they are applied. */
  opening(): Opening {
    const next = new Map<string, Listener>();
    const purposes = new Map<Listener, Listened>();
    const isNew = ([key, listener]: [string, Listener]) => this.#listeners.get(key) !== listener;
    return {
      listen: async (addr, options = {}) => {
        const key = listenerKey(addr, options.only, next);
        const listener = this.#listeners.get(key) ?? await openListener(this.#context, addr, options);
        next.set(key, listener);
        purposes.set(listener, listened(addr, listener, options));
        return listener.addr;
      },
      apply: (context, retired) => {
        const opened = Array.from(next).filter(isNew).map(([, listener]) => listener);
        for (const [key, listener] of this.#listeners) if (!next.has(key)) listener.close();
        this.#listeners = next;
        this.#listened = purposes;
        this.#replace(this.#newGeneration(context), retired);
        for (const listener of opened) this.#serve(listener);
      },
      abandon: () => {
        for (const entry of Array.from(next).filter(isNew)) entry[1].close();
      },
    };
  }

  /** Ends the sessions that match `which` at once; returns their number. */
  endSessions(which: (session: SessionRecord) => boolean): number {
    return this.#cutSessions(which, "ended-by-operator");
  }

  /** Ends the sessions of users whose quota is used up; how many. */
  endSpentSessions(): number {
    const { quotas } = this.#context;
    return this.#cutSessions(({ username }) => quotas?.usedUpUntil(username) !== undefined, "quota-reached");
  }

  /**
   * Stops accepting and resolves when all sessions have ended; cuts those left after `deadlineMs`. Resolves with the number
   * of sessions cut.
   */
  async drain(deadlineMs: number): Promise<number> {
    const { clock, emit } = this.#context;
    this.#draining = true;
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    this.#admission.close();
    emit({ type: "draining", sessions: this.#sessions.size, deadlineMs });
    const cancelHandshakes = clock.after(Math.min(deadlineMs, LAST_REQUEST_MS), () => {
      for (const session of this.#sessions) if (!session.requested) session.cut("drained");
    });
    let cut = 0, cancel = () => {};
    const late = new Promise<void>((resolve) => {
      this.#cutRest = () => {
        cut = this.#sessions.size;
        for (const session of this.#sessions) session.cut("drained");
        resolve();
      };
      cancel = clock.after(deadlineMs, this.#cutRest);
    });
    while (this.#sessions.size > 0) await new Promise<void>((resolve) => this.#wakeDrain = resolve);
    await Promise.race([this.#context.tls?.left(), late]);
    cancelHandshakes();
    cancel();
    this.#context.upstreams?.stop();
    emit({ type: "drained", cut });
    return cut;
  }

  /** Cuts the sessions that a drain has left. */
  cutRest(): void {
    this.#cutRest();
  }

  #cutSessions(which: (session: SessionRecord) => boolean, end: "ended-by-operator" | "quota-reached"): number {
    const unwanted = Array.from(this.#sessions).filter(({ record }) => which(record));
    for (const session of unwanted) session.cut(end);
    return unwanted.length;
  }

  get #context(): SessionContext {
    return this.#generation.context;
  }

  #newGeneration(context: GatewayContext): Generation {
    const limits = new Limits(this.#counters, context.settings, context.clock, context.capacity);
    const { settings, ruleset, upstreams, exitKey: key = this.#paths.secret } = context;
    const others = ruleset.saysWaysOut || upstreams?.saysWaysOut === true;
    const waysOut = new Exits({ settings, others, key });
    return { context: { ...context, paths: this.#paths, limits, waysOut }, sessions: 0, retired: undefined };
  }

  #replace(next: Generation, retired: () => void): void {
    const former = this.#generation;
    this.#generation = next;
    former.context.upstreams?.stop();
    former.retired = retired;
    if (former.sessions === 0) retired();
    next.context.emit({ type: "reconfigured" });
    next.context.upstreams?.start();
  }

  #serve(listener: Listener): void {
    const { emit, settings, upstreams } = this.#context;
    const { tls, ...at } = this.#listened.get(listener)!;
    emit({
      type: "listening",
      addr: listener.addr,
      tls,
      udp: isUdp(at.only),
      purpose: purposeOf(at.only),
      methods: methodsAt(settings.access, at, askingOf(this.#context)),
    });
    upstreams?.start();
    void this.#acceptLoop(listener);
  }

  async #acceptLoop(listener: Listener): Promise<void> {
    const { clock, emit } = this.#context; // which are the same in every generation
    const { addr } = listener;
    for (let failures = 0;;) {
      try {
        const client = await listener.accept();
        if (!client) return;
        if (failures > 0) emit({ type: "accept-recovered", addr, failures });
        failures = 0;
        if (this.#draining) client.close(); // accepted just before
        else this.#admission.take(client, this.#listened.get(listener)!);
      } catch (error) {
        if (failures++ > 0) emit({ type: "accept-failing", addr });
        else emit({ type: "accept-failed", addr, error: netError(error, "accept on", addr.host) });
        await pause(clock, ACCEPT_PAUSE_MS);
      }
    }
  }

  #open(arrival: Arrival): void {
    const generation = this.#generation;
    const session = new Session(generation.context, arrival, this.#nextId());
    this.#sessions.add(session);
    generation.sessions++;
    void session.run().then(() => this.#over(session, generation));
  }

  #over(session: Session, generation: Generation): void {
    this.#sessions.delete(session);
    generation.context.limits.leave(session.record.client);
    if (--generation.sessions === 0) generation.retired?.();
    this.#wakeDrain();
  }
}

/**
 * The key of a listener: UDP ports are separate from TCP ports, and each listener with port 0 has a port of its own besides
 * those in `taken`.
 */
export function listenerKey(
  addr: SocketAddr,
  only: Speech | undefined,
  taken?: { has(key: string): boolean },
): string {
  const key = `${isUdp(only) ? "udp://" : ""}${addressText(addr)}`;
  let own = key;
  if (addr.port === 0 && addr.unix === undefined) { for (let n = 2; taken?.has(own); n++) own = `${key} (${n})`; }
  return own;
}

/** Rejects with NetError. */
function openListener(context: SessionContext, addr: SocketAddr, options: Listening): Promise<Listener> {
  const { listener } = options;
  if (typeof listener === "function") return Promise.resolve().then(listener);
  if (listener) return Promise.resolve(listener);
  return isUdp(options.only)
    ? DatagramListener.open(context, addr, options.reusePort)
    : context.net.listen(addr, options);
}

/** `addr` is the requested address. */
function listened(addr: SocketAddr, listener: Listener, { tls = false, only, wayOut }: Listening): Listened {
  const isSaid = addr.unix !== undefined || addr.port !== 0;
  return { listener: addressText(isSaid ? addr : listener.addr), tls, only, wayOut };
}
