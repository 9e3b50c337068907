import { addressText } from "../protocol/address.ts";
import { denoError } from "./deno_error.ts";
import type { Datagram, SocketAddr, UdpSocket } from "./socket.ts";
import { socketAddr } from "./socket_addr.ts";

/** Room for the largest datagram. */
const BUFFER_SIZE = 64 << 10;

export class DenoUdpSocket implements UdpSocket {
  readonly addr: SocketAddr;
  readonly #conn: Deno.DatagramConn;
  readonly #buffers: Uint8Array[] = [];
  #turn = 0;
  #ahead: Promise<[Uint8Array, Deno.Addr]> | undefined;
  #closed = false;

  /** Throws NetError. */
  static bind(addr: SocketAddr): DenoUdpSocket {
    try {
      return new DenoUdpSocket(Deno.listenDatagram({ transport: "udp", hostname: addr.host, port: addr.port }));
    } catch (error) {
      throw denoError(error, "bind UDP", addressText(addr));
    }
  }

  private constructor(conn: Deno.DatagramConn) {
    this.#conn = conn;
    const { hostname, port } = conn.addr as Deno.NetAddr;
    this.addr = socketAddr(hostname, port);
  }

  async receive(): Promise<readonly Datagram[] | null> {
    while (!this.#closed) {
      try {
        const [bytes, from] = await (this.#ahead ?? this.#receiveNext());
        this.#ahead = this.#receiveNext();
        const { hostname, port } = from as Deno.NetAddr;
        return [{ bytes, addr: socketAddr(hostname, port) }];
      } catch (error) {
        this.#ahead = undefined;
        if (this.#closed) break;
        // What ICMP said about an earlier datagram is no reason to stop: the next receive() waits for a datagram.
        const { kind } = denoError(error, "receive on", addressText(this.addr));
        if (kind === "closed") break;
      }
    }
    return null;
  }

  /** The next datagram is received while the last is on its way, each into its own buffer. */
  #receiveNext(): Promise<[Uint8Array, Deno.Addr]> {
    this.#turn ^= 1;
    const buffer = this.#buffers[this.#turn] ??= new Uint8Array(BUFFER_SIZE);
    const receiving = this.#conn.receive(buffer);
    receiving.catch(() => {}); // receive() is told
    return receiving;
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    let lost = 0;
    for (const { bytes, addr } of batch) {
      try {
        await this.#conn.send(bytes, { transport: "udp", hostname: addr.host, port: addr.port });
      } catch {
        lost++;
      }
    }
    return lost;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }
}
