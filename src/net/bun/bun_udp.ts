/// <reference types="bun-types" />
import { addressText } from "../../protocol/address.ts";
import { netError } from "../error.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../socket.ts";
import { runtimeHost, socketAddr } from "../socket_addr.ts";

/** Octets that may wait for receive(); further datagrams are dropped. */
const MAX_QUEUED_SIZE = 4 << 20;

/** What a datagram costs besides its octets: without it, empty ones would queue without end. */
const DATAGRAM_COST = 512;

/**
 * Bun enables ICMP errors (IP_RECVERR, ip(7)), which the kernel reports instead of sending the next datagram, to any
 * destination. Several may be pending; a datagram that the kernel itself refuses is refused each time.
 */
const TRIES = 4;

export class BunUdpSocket implements UdpSocket {
  readonly addr: SocketAddr;
  readonly #socket: Bun.udp.Socket<"uint8array">;
  #queue: Datagram[] = [];
  #queued = 0;
  #receiver: ((batch: readonly Datagram[] | null) => void) | undefined;
  #closed = false;

  /** Rejects with NetError. */
  static async bind(addr: SocketAddr): Promise<BunUdpSocket> {
    try {
      const receiver: { socket?: BunUdpSocket } = {};
      const socket = await Bun.udpSocket({
        hostname: runtimeHost(addr),
        port: addr.port,
        binaryType: "uint8array",
        socket: {
          data: (_, bytes, port, host) => receiver.socket?.onData(bytes, host, port),
          error() {}, // an ICMP error about an earlier datagram
        },
      });
      return receiver.socket = new BunUdpSocket(socket);
    } catch (error) {
      throw netError(error, "bind UDP", addressText(addr));
    }
  }

  private constructor(socket: Bun.udp.Socket<"uint8array">) {
    this.#socket = socket;
    this.addr = socketAddr(socket.hostname, socket.port);
  }

  receive(): Promise<readonly Datagram[] | null> {
    if (this.#queue.length > 0) return Promise.resolve(this.#takeQueue());
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#receiver = resolve);
  }

  send(batch: readonly Datagram[]): Promise<number> {
    let lost = 0;
    for (const datagram of batch) if (!this.#send(datagram)) lost++;
    return Promise.resolve(lost);
  }

  /** False if the kernel has no room or refuses (too large, unreachable), or the socket is closed. */
  #send({ bytes, addr }: Datagram): boolean {
    for (let tries = 0; tries < TRIES && !this.#closed; tries++) {
      try {
        return this.#socket.send(bytes, addr.port, runtimeHost(addr));
      } catch {
        // Once more.
      }
    }
    return false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.#queue = [];
    this.#receiver?.(null);
    this.#receiver = undefined;
  }

  onData(bytes: Uint8Array, host: string, port: number): void {
    const cost = bytes.length + DATAGRAM_COST;
    if (this.#queued + cost > MAX_QUEUED_SIZE) return;
    this.#queue.push({ bytes, addr: socketAddr(host, port) });
    this.#queued += cost;
    const receiver = this.#receiver;
    if (!receiver) return;
    this.#receiver = undefined;
    receiver(this.#takeQueue());
  }

  #takeQueue(): Datagram[] {
    const queue = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    return queue;
  }
}
