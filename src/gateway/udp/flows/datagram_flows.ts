import { household } from "../../../protocol/ip/household.ts";
import type { Clock } from "../../../net/clock.ts";
import type { SocketAddr, UdpSocket } from "../../../net/socket.ts";
import { Arrivals } from "../../../turns/arrivals.ts";
import { DatagramFlow } from "./datagram_flow.ts";
import { UsageList } from "../usage_list.ts";

/** Maximum flows, in all and per client (an IPv4 address or an IPv6 /64); beyond it, the least recently used one ends. */
export interface MostFlows {
  readonly max: number;
  readonly maxOfClient: number;
}

/**
 * After close: idle timeout of a flow, and the time after which all flows end (ms). New clients of the same port belong to
 * another listener, and the kernel would still give a part of them to these sockets.
 */
const LAST_IDLE_MS = 1_000, LAST_MS = 5_000;

/** The flows of one listener: one per address and port of a client and address that it sends to, accepted like a connection. */
export class DatagramFlows {
  readonly #clock: Clock;
  readonly #most: MostFlows;
  /** By the address and port of the client, and those it sent to. */
  readonly #flows = new Map<string, DatagramFlow>();
  readonly #byUse = new UsageList<DatagramFlow>();
  readonly #ofClient = new Map<string, number>();
  readonly #arrivals = new Arrivals<DatagramFlow>();
  #cancelLast = () => {};
  #closed: (() => void) | undefined;

  constructor(clock: Clock, most: MostFlows) {
    this.#clock = clock;
    this.#most = most;
  }

  accept(): Promise<DatagramFlow | null> {
    return this.#arrivals.accept();
  }

  /** Existing flows continue for a moment; then `ended` is called. */
  close(ended: () => void): void {
    this.#closed = ended;
    this.#arrivals.close();
    const flows = [...this.#flows.values()];
    this.#cancelLast = this.#clock.after(LAST_MS, () => flows.forEach((flow) => flow.close()));
    for (const flow of flows) flow.hurry(LAST_IDLE_MS);
    this.#endIfIdle();
  }

  /** Ends those of a socket. */
  endOf(socket: UdpSocket): void {
    for (const flow of [...this.#flows.values()]) if (flow.localAddr === socket.addr) flow.close();
  }

  /** The flow of a client that sends to `socket`, or to the address that a socket is made for; a new one if there is none and this is open. */
  of(
    socket: UdpSocket | { readonly addr: SocketAddr; open(): UdpSocket },
    client: SocketAddr,
  ): DatagramFlow | undefined {
    const key = keyOf(socket.addr, client);
    const known = this.#flows.get(key);
    const now = this.#clock.now();
    if (known) this.#byUse.use(known, now);
    if (known || this.#closed) return known;
    const home = household(client.host);
    if ((this.#ofClient.get(home) ?? 0) >= this.#most.maxOfClient) this.#oldestOf(home)?.close();
    else if (this.#byUse.size >= this.#most.max) this.#byUse.oldest!.close();
    const opened = "open" in socket ? socket.open() : undefined; // which is this flow's own
    const ended = (flow: DatagramFlow) => {
      this.#remove(key, home, flow);
      opened?.close();
    };
    const of = { clock: this.#clock, socket: opened ?? socket as UdpSocket, client, ended };
    const flow = new DatagramFlow(of);
    this.#flows.set(key, flow);
    this.#byUse.add(flow, now);
    this.#ofClient.set(home, (this.#ofClient.get(home) ?? 0) + 1);
    this.#arrivals.add(flow);
    if (opened) void this.#pump(opened, key, flow);
    return flow;
  }

  /** What comes to a flow's own socket is the flow's. */
  async #pump(own: UdpSocket, key: string, flow: DatagramFlow): Promise<void> {
    for (let batch = await own.receive(); batch; batch = await own.receive()) {
      if (this.#flows.get(key) !== flow) return; // it has ended meanwhile
      this.#byUse.use(flow, this.#clock.now());
      for (const { bytes } of batch) flow.push(bytes);
    }
  }

  #oldestOf(home: string): DatagramFlow | undefined {
    let flow = this.#byUse.oldest;
    while (flow && household(flow.remoteAddr.host) !== home) flow = flow.newer;
    return flow;
  }

  #remove(key: string, home: string, flow: DatagramFlow): void {
    this.#flows.delete(key);
    this.#byUse.remove(flow);
    const left = this.#ofClient.get(home)! - 1;
    if (left > 0) this.#ofClient.set(home, left);
    else this.#ofClient.delete(home);
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (!this.#closed || this.#flows.size > 0) return;
    this.#cancelLast();
    this.#closed();
  }
}

function keyOf(own: SocketAddr, { host, port, zone }: SocketAddr): string {
  return `${own.host} ${own.port} ${host} ${port} ${zone ?? ""}`;
}
