import { addressText } from "../../protocol/address.ts";
import { systemClock } from "../clock.ts";
import { denoError } from "./deno_error.ts";
import { bindWithDescriptor, KernelDatagrams } from "../kernel/sockets/datagrams.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../socket.ts";
import { runtimeHost, socketAddr } from "../socket_addr.ts";

/** Room for the largest datagram. */
const BUFFER_SIZE = 64 << 10;

/** After this many consecutive errors it pauses before the next receive (ms). */
const MAX_ERRORS = 64, REST_MS = 10;

/** Deno waits and, if available, libc does the rest: Deno's calls cost a promise and an address per datagram. */
export class DenoUdpSocket implements UdpSocket {
  readonly addr: SocketAddr;
  readonly #conn: Deno.DatagramConn;
  readonly #kernel: KernelDatagrams | undefined;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  #closed = false;

  /** Throws NetError. */
  static bind(addr: SocketAddr, libc: Libc | undefined): DenoUdpSocket {
    const bind = () => Deno.listenDatagram({ transport: "udp", hostname: runtimeHost(addr), port: addr.port });
    try {
      if (!libc) return new DenoUdpSocket(bind());
      const [conn, fd] = bindWithDescriptor(libc, bind, boundAddr);
      return new DenoUdpSocket(conn, fd === undefined ? undefined : new KernelDatagrams(libc, fd, boundAddr(conn)));
    } catch (error) {
      throw denoError(error, "bind UDP", addressText(addr));
    }
  }

  private constructor(conn: Deno.DatagramConn, kernel?: KernelDatagrams) {
    this.#conn = conn;
    this.#kernel = kernel;
    this.addr = boundAddr(conn);
  }

  async receive(): Promise<readonly Datagram[] | null> {
    for (let errors = 1; !this.#closed; errors++) {
      try {
        const [bytes, from] = await this.#conn.receive(this.#buffer);
        if (this.#closed) break;
        const { hostname, port } = from as Deno.NetAddr;
        const batch: Datagram[] = [{ bytes, addr: socketAddr(hostname, port) }];
        this.#kernel?.drain(batch);
        return batch;
      } catch (error) {
        if (this.#closed) break;
        // An ICMP error about an earlier datagram is no reason to stop: the next receive() waits for a datagram.
        const { kind } = denoError(error, "receive on", addressText(this.addr));
        if (kind === "closed") break;
        if (errors % MAX_ERRORS === 0) await new Promise<void>((resolve) => systemClock.after(REST_MS, resolve));
      }
    }
    return null;
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    let lost = 0;
    for (const datagram of batch) {
      if (this.#closed) return lost + batch.length - batch.indexOf(datagram);
      const outcome = this.#kernel?.send(datagram);
      if (outcome === "lost") lost++;
      if (outcome) continue;
      const { bytes, addr } = datagram;
      try {
        await this.#conn.send(bytes, { transport: "udp", hostname: runtimeHost(addr), port: addr.port });
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

function boundAddr(conn: Deno.DatagramConn): SocketAddr {
  const { hostname, port } = conn.addr as Deno.NetAddr;
  return socketAddr(hostname, port);
}
