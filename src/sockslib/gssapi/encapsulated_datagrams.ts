import { NetError } from "../../net/error.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../../net/socket.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import type { Encapsulation } from "./encapsulation.ts";

const nothing = new Uint8Array(0);

/** Datagrams to and from one host, each in a token of its own (RFC 1961 s5). Datagrams of other hosts pass unchanged. */
export class EncapsulatedUdp implements UdpSocket {
  readonly #socket: UdpSocket;
  readonly #encapsulation: Encapsulation;
  readonly #host: string;

  constructor(socket: UdpSocket, encapsulation: Encapsulation, host: string) {
    this.#socket = socket;
    this.#encapsulation = encapsulation;
    this.#host = host;
    encapsulation.scatter();
  }

  get addr(): SocketAddr {
    return this.#socket.addr;
  }

  async receive(): Promise<readonly Datagram[] | null> {
    const batch = await this.#socket.receive();
    return batch && batch.map((one) => one.addr.host === this.#host ? { ...one, bytes: this.#open(one.bytes) } : one);
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    const wrapped = batch.flatMap(({ bytes, addr }) => this.#closed(bytes, addr));
    const lost = batch.length - wrapped.length;
    return lost + (wrapped.length > 0 ? await this.#socket.send(wrapped) : 0);
  }

  close(): void {
    this.#socket.close();
  }

  /** The content of a datagram; empty, which is not a valid SOCKS datagram, if it is not under our context. */
  #open(bytes: Uint8Array): Uint8Array {
    return quietly(() => this.#encapsulation.unwrapMessage(bytes)) ?? nothing;
  }

  #closed(bytes: Uint8Array, addr: SocketAddr): readonly Datagram[] {
    if (bytes.length > this.#encapsulation.capacity) return [];
    const wrapped = quietly(() => this.#encapsulation.wrap(bytes));
    return wrapped ? [{ bytes: wrapped, addr }] : [];
  }
}

/** Undefined if it fails: the datagram is dropped alone. */
function quietly<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof NetError || error instanceof ProtocolError) return undefined;
    throw error;
  }
}
