import { createSocket, type RemoteInfo, type Socket as NodeDatagrams } from "node:dgram";
import { addressText } from "../../protocol/address.ts";
import { netError } from "../error.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../socket.ts";
import { runtimeHost, socketAddr } from "../socket_addr.ts";

/** Octets that may wait for receive(); further datagrams are dropped. */
const MAX_WAITING = 1_024;

interface ErrorCode {
  readonly code?: string;
}

/** A socket of node:dgram. */
export class NodeUdpSocket implements UdpSocket {
  readonly addr: SocketAddr;
  readonly #socket: NodeDatagrams;
  /** True if it takes both families, and calls IPv4 by mapped addresses. */
  readonly #mapped: boolean;
  #waiting: Datagram[] = [];
  #receiver: ((batch: readonly Datagram[] | null) => void) | undefined;
  #closed = false;

  /** Rejects with NetError. */
  static bind(addr: SocketAddr): Promise<NodeUdpSocket> {
    return new Promise((resolve, reject) => {
      const socket = createSocket(addr.host.includes(":") ? "udp6" : "udp4");
      socket.once("error", (error) => reject(netError(error, "bind UDP", addressText(addr))));
      socket.bind({ address: runtimeHost(addr), port: addr.port }, () => resolve(new NodeUdpSocket(socket)));
    });
  }

  private constructor(socket: NodeDatagrams) {
    const { address, port } = socket.address();
    this.addr = socketAddr(address, port);
    this.#mapped = this.addr.host === "::";
    this.#socket = socket;
    socket.removeAllListeners("error");
    socket.on("error", () => {}); // what ICMP says of an earlier datagram
    socket.on("message", (bytes, from) => this.#take(bytes, from));
  }

  receive(): Promise<readonly Datagram[] | null> {
    if (this.#waiting.length > 0) return Promise.resolve(this.#waiting.splice(0));
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#receiver = resolve);
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    let lost = 0;
    for (const datagram of batch) if (!await this.#sendOne(datagram)) lost++; // in their order
    return lost;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.#waiting = [];
    this.#receiver?.(null);
  }

  /** True if the kernel accepted it. An ICMP error is reported to the next send, which is then repeated. */
  async #sendOne(datagram: Datagram): Promise<boolean> {
    const code = await this.#try(datagram);
    return code === undefined || (code === "ECONNREFUSED" && await this.#try(datagram) === undefined);
  }

  #try({ bytes, addr }: Datagram): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve("EBADF");
    const host = this.#mapped && !addr.host.includes(":") ? `::ffff:${addr.host}` : runtimeHost(addr);
    return new Promise((resolve) => {
      this.#socket.send(
        bytes,
        addr.port,
        host,
        (error) => resolve(error ? String((error as ErrorCode).code) : undefined),
      );
    });
  }

  #take({ buffer, byteOffset, length }: Uint8Array, { address, port }: RemoteInfo): void {
    if (this.#waiting.length >= MAX_WAITING) return;
    const bytes = new Uint8Array(buffer, byteOffset, length); // and no Buffer
    const receiver = this.#receiver, datagram = { bytes, addr: socketAddr(address, port) };
    this.#receiver = undefined;
    if (receiver) receiver([datagram]);
    else this.#waiting.push(datagram);
  }
}
