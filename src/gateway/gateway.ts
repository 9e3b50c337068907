import { parseIp } from "../protocol/address.ts";
import type { Clock } from "../net/clock.ts";
import { netError } from "../net/error.ts";
import type { Listener, ListenOptions, Socket, SocketAddr } from "../net/socket.ts";
import { Counters } from "./limits/counters.ts";
import { Limits } from "./limits/limits.ts";
import { offeredMethods } from "./methods.ts";
import { PathMemory } from "./path_memory.ts";
import { Session, type SessionContext } from "./session.ts";

/** How long a listener rests when the system has no descriptors left. */
const ACCEPT_PAUSE_MS = 100;

export interface GatewayContext extends Omit<SessionContext, "paths" | "limits"> {
  /** Shared with other gateways, or this one's own. */
  readonly counters?: Counters | undefined;
}

/** Gateway G of RFC 3089: listeners, the sessions they bring, and a way to end well. */
export class Gateway {
  readonly #context: SessionContext;
  readonly #listeners = new Set<Listener>();
  readonly #sessions = new Set<Session>();
  readonly #nextId: () => number;
  #lastId = 0;
  #draining = false;
  #wakeDrain = () => {};

  /** `nextId` numbers sessions across several gateways. */
  constructor({ counters = new Counters(), ...context }: GatewayContext, nextId?: () => number) {
    const { settings, clock } = context;
    this.#context = { ...context, paths: new PathMemory(clock), limits: new Limits(counters, settings, clock) };
    this.#nextId = nextId ?? (() => ++this.#lastId);
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Where it listens, ports resolved. */
  get addrs(): readonly SocketAddr[] {
    return Array.from(this.#listeners, (listener) => listener.addr);
  }

  /** Rejects with NetError. */
  async listen(addr: SocketAddr, options?: ListenOptions): Promise<void> {
    const { net, emit, authenticator, upstreams } = this.#context;
    const listener = await net.listen(addr, options);
    this.#listeners.add(listener);
    emit({ type: "listening", addr: listener.addr, methods: offeredMethods(authenticator) });
    upstreams?.start();
    void this.#acceptLoop(listener);
  }

  /** Stops accepting and resolves when all sessions have ended; cuts those that have not within `deadlineMs`. */
  async drain(deadlineMs: number): Promise<void> {
    const { clock, emit } = this.#context;
    this.#draining = true;
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
    emit({ type: "draining", sessions: this.#sessions.size, deadlineMs });
    for (const session of this.#sessions) if (!session.requested) session.cut();
    let cut = 0;
    const cancel = clock.after(deadlineMs, () => {
      cut = this.#sessions.size;
      for (const session of this.#sessions) session.cut();
    });
    while (this.#sessions.size > 0) await new Promise<void>((resolve) => this.#wakeDrain = resolve);
    cancel();
    this.#context.upstreams?.stop();
    emit({ type: "drained", cut });
  }

  async #acceptLoop(listener: Listener): Promise<void> {
    const { clock, emit } = this.#context;
    const { addr } = listener;
    for (let failures = 0;;) {
      try {
        const client = await listener.accept();
        if (!client) return;
        if (failures > 0) emit({ type: "accept-recovered", addr, failures });
        failures = 0;
        this.#admit(client);
      } catch (error) {
        if (failures++ === 0) emit({ type: "accept-failed", addr, error: netError(error, "accept on", addr.host) });
        await pause(clock, ACCEPT_PAUSE_MS);
      }
    }
  }

  #admit(client: Socket): void {
    if (this.#draining) return client.close(); // accepted just before
    const { settings, emit, limits } = this.#context;
    const octets = parseIp(client.remoteAddr.host);
    const allowed = !settings.from || (octets && settings.from.some((prefix) => prefix.contains(octets)));
    const reason = allowed ? limits.enter(client.remoteAddr) : "client-not-allowed";
    if (reason) {
      client.close();
      emit({ type: "client-turned-away", client: client.remoteAddr, reason });
      return;
    }
    const session = new Session(this.#context, client, this.#nextId());
    this.#sessions.add(session);
    void session.run().finally(() => {
      this.#sessions.delete(session);
      limits.leave(client.remoteAddr);
      this.#wakeDrain();
    });
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
