import type { Clock } from "../../../net/clock.ts";
import type { Listener, SocketAddr, UdpSocket } from "../../../net/socket.ts";
import type { DatagramFlow } from "./datagram_flow.ts";
import { DatagramFlows, type MostFlows } from "./datagram_flows.ts";

/** Takes datagrams for any address: a flow per address that a client sends to, with answers from that address. */
export class InterceptedListener implements Listener {
  readonly addr: SocketAddr;
  readonly #flows: DatagramFlows;
  readonly #from: (addr: SocketAddr, client: SocketAddr) => UdpSocket;

  /** `from` makes what sends from an address to a client. */
  constructor(
    clock: Clock,
    most: MostFlows,
    from: (addr: SocketAddr, client: SocketAddr) => UdpSocket,
    addr: SocketAddr = { host: "0.0.0.0", port: 1 },
  ) {
    this.addr = addr;
    this.#flows = new DatagramFlows(clock, most);
    this.#from = from;
  }

  /** Takes what `client` has sent to `to`; the octets are copied. */
  take(bytes: Uint8Array, client: SocketAddr, to: SocketAddr): void {
    this.#flows.of({ addr: to, open: () => this.#from(to, client) }, client)?.push(bytes);
  }

  accept(): Promise<DatagramFlow | null> {
    return this.#flows.accept();
  }

  /** Existing flows continue for a moment; then `ended` is called. */
  close(ended = () => {}): void {
    this.#flows.close(ended);
  }
}
