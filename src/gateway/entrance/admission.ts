import { parseIp } from "../../protocol/address.ts";
import { decodeProxyHeader } from "../../protocol/proxy_header.ts";
import type { Emit, TurnedAway } from "../../events.ts";
import type { Clock } from "../../net/clock.ts";
import type { AcceptedSocket, Socket, SocketAddr } from "../../net/socket.ts";
import type { Arrival, Listened } from "./arrival.ts";
import type { Limits } from "../limits/limits.ts";
import { type GatewaySettings, isUdp, type ProxySource } from "../settings.ts";
import { Wire } from "./wire.ts";

/** Time for the PROXY header to arrive: enough for one retransmission, as its specification requires. */
const HEADER_MS = 3_000;

interface AdmissionContext {
  readonly settings: GatewaySettings;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** Between an accepted connection and its session: finds the client's address, and admits or rejects it. */
export class Admission {
  readonly #context: () => AdmissionContext;
  readonly #enter: (arrival: Arrival) => void;
  /** Connections of proxies whose header has not come yet. */
  readonly #waiting = new Set<Socket>();

  /** `context` gives the current configuration; `enter` takes admitted clients, with that configuration. */
  constructor(context: () => AdmissionContext, enter: (arrival: Arrival) => void) {
    this.#context = context;
    this.#enter = enter;
  }

  /** Admits a connection that was just accepted, or closes it. */
  take(socket: AcceptedSocket, at: Listened): void {
    const { proxies } = this.#context().settings;
    if (proxies.length > 0 && !isUdp(at.only) && isOneOf(proxies, socket.remoteAddr)) {
      void this.#takeFromProxy(socket, at);
    } else this.#admit({ at, socket, client: socket.remoteAddr, early: undefined });
  }

  /** Closes connections that wait for their header. */
  close(): void {
    for (const socket of this.#waiting) socket.close();
    this.#waiting.clear();
  }

  #admit(arrival: Arrival): void {
    const context = this.#context();
    const { settings: { from }, limits } = context;
    const reason = from && !isWithin(from, arrival.client) ? "client-not-allowed" : limits.enter(arrival.client);
    if (reason) turnAway(context, arrival, reason);
    else this.#enter(arrival);
  }

  /** Never rejects. */
  async #takeFromProxy(socket: AcceptedSocket, at: Listened): Promise<void> {
    const context = this.#context();
    const { limits, settings, clock } = context;
    const proxy = socket.remoteAddr;
    if (!limits.wait()) return turnAway(context, { socket, client: proxy }, "too-many-sessions");
    this.#waiting.add(socket);
    let reason: TurnedAway | undefined;
    const cancel = clock.after(Math.min(HEADER_MS, settings.handshakeMs), () => {
      reason = "late-proxy-header";
      socket.close();
    });
    const wire = new Wire(socket);
    let arrival: Arrival | undefined;
    try {
      await wire.peek();
      reason = "bad-proxy-header";
      const { client = proxy } = await wire.take(decodeProxyHeader);
      reason = undefined;
      // The proxy's own connection: its header may say UNKNOWN, LOCAL or, in version 1, its own address.
      if (client.host === proxy.host && client.port === proxy.port) await wire.peek();
      arrival = { at, socket, client, early: wire.rest() };
    } catch {
      // A proxy's health check sends nothing, or only a header of its own: that is not an error.
    }
    cancel();
    limits.waited();
    if (!this.#waiting.delete(socket)) return; // closed meanwhile
    if (arrival) this.#admit(arrival);
    else if (reason) turnAway(context, { socket, client: proxy }, reason);
    else socket.close();
  }
}

function turnAway(
  { emit }: AdmissionContext,
  { socket, client }: Pick<Arrival, "socket" | "client">,
  reason: TurnedAway,
) {
  socket.close();
  emit({ type: "client-turned-away", client, reason });
}

function isOneOf(proxies: readonly ProxySource[], addr: SocketAddr): boolean {
  return addr.unix === undefined ? isWithin(proxies, addr) : proxies.includes("unix");
}

function isWithin(sources: readonly ProxySource[], { host }: SocketAddr): boolean {
  const octets = parseIp(host);
  return octets !== undefined && sources.some((source) => source !== "unix" && source.contains(octets));
}
