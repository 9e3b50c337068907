import type { Clock } from "../../../net/clock.ts";
import type { Listener, SocketAddr, UdpSocket } from "../../../net/socket.ts";
import type { DatagramFlow } from "./datagram_flow.ts";
import { DatagramFlows, type MostFlows } from "./datagram_flows.ts";

/** Takes datagrams for any address: each that a client sends to has a flow, and answers leave from there. */
export class InterceptedListener implements Listener {
  readonly addr: SocketAddr = { host: "0.0.0.0", port: 1 };
  readonly #flows: DatagramFlows;
  readonly #from: (addr: SocketAddr) => UdpSocket;

  /** `from` makes what sends from an address. */
  constructor(clock: Clock, most: MostFlows, from: (addr: SocketAddr) => UdpSocket) {
    this.#flows = new DatagramFlows(clock, most);
    this.#from = from;
  }

  /** Takes what `client` has sent to `to`; the octets are copied. */
  take(bytes: Uint8Array, client: SocketAddr, to: SocketAddr): void {
    this.#flows.of({ addr: to, open: () => this.#from(to) }, client)?.push(bytes);
  }

  accept(): Promise<DatagramFlow | null> {
    return this.#flows.accept();
  }

  close(): void {
    this.#flows.close(() => {});
  }
}
