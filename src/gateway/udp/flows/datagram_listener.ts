import type { Listener, SocketAddr } from "../../../net/socket.ts";
import type { DatagramFlow } from "./datagram_flow.ts";
import { DatagramFlows } from "./datagram_flows.ts";
import { type AddressNeeds, EveryAddress } from "./every_address.ts";

/** Maximum flows of one listener, in all and per client (an IPv4 address or an IPv6 /64); beyond it, the least recently used one ends. */
export const MAX_FLOWS = 1_024, MAX_FLOWS_OF_CLIENT = 256;

/** Listens for datagrams: each address and port of a client has a flow, which is accepted as a connection is. */
export class DatagramListener implements Listener {
  readonly #flows: DatagramFlows;
  readonly #sockets: EveryAddress;
  #closed = false;

  private constructor(flows: DatagramFlows, sockets: EveryAddress) {
    this.#flows = flows;
    this.#sockets = sockets;
  }

  /** Rejects with NetError. */
  static async open(needs: AddressNeeds, addr: SocketAddr, reusePort = false): Promise<DatagramListener> {
    const flows = new DatagramFlows(needs.clock, { max: MAX_FLOWS, maxOfClient: MAX_FLOWS_OF_CLIENT });
    const sockets = await EveryAddress.open(needs, addr, {
      take: ({ bytes, addr }, socket) => flows.of(socket, addr)?.push(bytes),
      ended: (socket) => flows.endOf(socket),
    }, reusePort);
    return new DatagramListener(flows, sockets);
  }

  get addr(): SocketAddr {
    return this.#sockets.addr;
  }

  accept(): Promise<DatagramFlow | null> {
    return this.#flows.accept();
  }

  /** Existing flows continue for a moment. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sockets.stop();
    this.#flows.close(() => this.#sockets.close());
  }
}
