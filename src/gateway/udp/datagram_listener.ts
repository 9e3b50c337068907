import { addressText, isUnspecified } from "../../protocol/address.ts";
import { household } from "../../protocol/ip/household.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { Listener, Net, SocketAddr, UdpSocket } from "../../net/socket.ts";
import { DatagramFlow } from "./datagram_flow.ts";
import { UsageList } from "./usage_list.ts";

/** Flows of one listener, and of one client (an IPv4 address or an IPv6 /64) among them; of more the one that rested longest ends. */
export const MAX_FLOWS = 1_024, MAX_FLOWS_OF_CLIENT = 256;

/**
 * Once it is closed: without a datagram for so long a flow ends, and all end after so long (ms). New clients of the same port are
 * another's, and the kernel would go on to give a part of them to these sockets.
 */
const LAST_IDLE_MS = 1_000, LAST_MS = 5_000;

/** How often it looks whether this machine has other addresses (ms). */
const LOOK_MS = 10_000;

interface Needs {
  readonly net: Pick<Net, "bindUdp" | "localAddrs">;
  readonly clock: Clock;
}

/**
 * Listens for datagrams: each address and port of a client has a flow, which is accepted as a connection is. For every address of
 * this machine there is a socket on each of them, so that answers leave from the one that was asked.
 */
export class DatagramListener implements Listener {
  readonly #needs: Needs;
  readonly #reusePort: boolean;
  #addr: SocketAddr;
  readonly #sockets = new Map<string, UdpSocket>();
  /** By the address and port of the client, and the address it sent to. */
  readonly #flows = new Map<string, DatagramFlow>();
  readonly #byUse = new UsageList<DatagramFlow>();
  readonly #ofClient = new Map<string, number>();
  #accepted: DatagramFlow[] = [];
  #waiting: ((flow: DatagramFlow | null) => void) | undefined;
  #cancelLook = () => {};
  #closed = false;

  private constructor(needs: Needs, addr: SocketAddr, reusePort: boolean) {
    this.#needs = needs;
    this.#addr = addr;
    this.#reusePort = reusePort;
  }

  /** Rejects with NetError. */
  static async open(needs: Needs, addr: SocketAddr, reusePort = false): Promise<DatagramListener> {
    const listener = new DatagramListener(needs, addr, reusePort);
    try {
      if (isUnspecified(addr.host)) await listener.#follow(true);
      else await listener.#bind(addr);
    } catch (error) {
      listener.close();
      throw error;
    }
    return listener;
  }

  get addr(): SocketAddr {
    return this.#addr;
  }

  accept(): Promise<DatagramFlow | null> {
    const flow = this.#accepted.shift();
    if (flow) return Promise.resolve(flow);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting = resolve);
  }

  /** Flows that there are go on for a moment. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelLook();
    for (const flow of this.#accepted.splice(0)) flow.close();
    this.#waiting?.(null);
    this.#waiting = undefined;
    const flows = [...this.#flows.values()];
    this.#cancelLook = this.#needs.clock.after(LAST_MS, () => flows.forEach((flow) => flow.close()));
    for (const flow of flows) flow.hurry(LAST_IDLE_MS);
    this.#closeIdle();
  }

  /** Binds the addresses that this machine has, and lets go those that it has no more; again after a while. */
  async #follow(first = false): Promise<void> {
    const { net, clock } = this.#needs;
    const wanted = net.localAddrs().filter((host) => isWithin(this.#addr.host, host));
    for (const [host, socket] of this.#sockets) if (!wanted.includes(host)) socket.close();
    for (const host of wanted) {
      if (this.#sockets.has(host) || this.#closed) continue;
      try {
        await this.#bind({ host, port: this.#addr.port });
      } catch (error) {
        const isNotReady = error instanceof NetError && error.kind === "address-not-available"; // yet, or any more
        if (first && !isNotReady) throw error;
      }
    }
    if (first && this.#sockets.size === 0) {
      throw new NetError("address-not-available", `Cannot listen on ${addressText(this.#addr)}: no such address here`);
    }
    if (!this.#closed) this.#cancelLook = clock.after(LOOK_MS, () => void this.#follow());
  }

  async #bind(addr: SocketAddr): Promise<void> {
    const socket = await this.#needs.net.bindUdp(addr, undefined, { reusePort: this.#reusePort });
    if (this.#closed) return socket.close();
    if (this.#addr.port === 0) this.#addr = { ...this.#addr, port: socket.addr.port };
    this.#sockets.set(addr.host, socket);
    void this.#pump(addr.host, socket);
  }

  async #pump(host: string, socket: UdpSocket): Promise<void> {
    for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
      for (const { bytes, addr } of batch) this.#flow(socket, addr)?.push(bytes);
    }
    this.#sockets.delete(host);
    for (const flow of [...this.#flows.values()]) if (flow.localAddr === socket.addr) flow.close();
  }

  /** That of a client; a new one where it has none, and this listens still. */
  #flow(socket: UdpSocket, client: SocketAddr): DatagramFlow | undefined {
    const key = keyOf(socket.addr, client);
    const known = this.#flows.get(key);
    const now = this.#needs.clock.now();
    if (known) this.#byUse.use(known, now);
    if (known || this.#closed) return known;
    const home = household(client.host);
    if ((this.#ofClient.get(home) ?? 0) >= MAX_FLOWS_OF_CLIENT) this.#oldestOf(home)?.close();
    else if (this.#byUse.size >= MAX_FLOWS) this.#byUse.oldest!.close();
    const ended = (flow: DatagramFlow) => this.#remove(key, home, flow);
    const flow = new DatagramFlow({ clock: this.#needs.clock, socket, client, ended });
    this.#flows.set(key, flow);
    this.#byUse.add(flow, now);
    this.#ofClient.set(home, (this.#ofClient.get(home) ?? 0) + 1);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(flow);
    else this.#accepted.push(flow);
    return flow;
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
    if (this.#closed) this.#closeIdle();
  }

  /** Closes the sockets of a listener that is closed, once nobody needs them. */
  #closeIdle(): void {
    if (this.#flows.size > 0) return;
    this.#cancelLook();
    for (const socket of this.#sockets.values()) socket.close();
  }
}

function keyOf(own: SocketAddr, { host, port, zone }: SocketAddr): string {
  return `${own.host} ${host} ${port} ${zone ?? ""}`;
}

/** Whether who listens on `any` address takes that one; a link-local one needs a listener of its own, with its zone. */
function isWithin(any: string, host: string): boolean {
  return /^fe[89ab]/i.test(host) ? false : any === "::" || !host.includes(":");
}
