import { addressText, isUnspecified } from "../../../protocol/address.ts";
import type { Clock } from "../../../net/clock.ts";
import { NetError } from "../../../net/error.ts";
import type { Listener, Net, SocketAddr, UdpSocket } from "../../../net/socket.ts";
import type { DatagramFlow } from "./datagram_flow.ts";
import { DatagramFlows } from "./datagram_flows.ts";

/** Flows of one listener, and of one client (an IPv4 address or an IPv6 /64) among them; of more the one that rested longest ends. */
export const MAX_FLOWS = 1_024, MAX_FLOWS_OF_CLIENT = 256;

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
  readonly #flows: DatagramFlows;
  #cancelLook = () => {};
  #closed = false;

  private constructor(needs: Needs, addr: SocketAddr, reusePort: boolean) {
    this.#needs = needs;
    this.#addr = addr;
    this.#reusePort = reusePort;
    this.#flows = new DatagramFlows(needs.clock, { max: MAX_FLOWS, maxOfClient: MAX_FLOWS_OF_CLIENT });
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
    return this.#flows.accept();
  }

  /** Flows that there are go on for a moment. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelLook();
    this.#flows.close(() => {
      for (const socket of this.#sockets.values()) socket.close();
    });
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
      for (const { bytes, addr } of batch) this.#flows.of(socket, addr)?.push(bytes);
    }
    this.#sockets.delete(host);
    this.#flows.endOf(socket);
  }
}

/** Whether who listens on `any` address takes that one; a link-local one needs a listener of its own, with its zone. */
function isWithin(any: string, host: string): boolean {
  return /^fe[89ab]/i.test(host) ? false : any === "::" || !host.includes(":");
}
