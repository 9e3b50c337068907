import { type Address, addressText, ipAddress, nameAddress } from "../../../src/protocol/address.ts";
import { decodeDatagram, encodeDatagram } from "../../../src/protocol/datagram.ts";
import type { SocketAddr, UdpSocket } from "../../../src/net/socket.ts";
import { settle } from "./test_clock.ts";

export interface Heard {
  readonly from: string;
  readonly bytes: Uint8Array;
}

/** One end of UDP, played by a test: it sends, and remembers what it hears. */
export class UdpPeer {
  readonly socket: UdpSocket;
  #heard: Heard[] = [];

  constructor(socket: UdpSocket) {
    this.socket = socket;
    void this.#listen();
  }

  get addr(): SocketAddr {
    return this.socket.addr;
  }

  async send(to: SocketAddr, message: string | Uint8Array): Promise<void> {
    await this.sendAll(to, [message]);
  }

  /** Sends several, which arrive as one batch. */
  async sendAll(to: SocketAddr, messages: readonly (string | Uint8Array)[]): Promise<void> {
    const octets = messages.map((message) => typeof message === "string" ? new TextEncoder().encode(message) : message);
    await this.socket.send(octets.map((bytes) => ({ bytes, addr: to })));
    await settle();
  }

  /** Raw datagrams since it was last asked. */
  heard(): readonly Heard[] {
    return this.#heard.splice(0);
  }

  /** Datagrams as text, each after who sent it. */
  heardText(): readonly string[] {
    return this.heard().map(({ from, bytes }) => `${from} ${new TextDecoder().decode(bytes)}`);
  }

  /** For a client: relayed datagrams as text, each after the source that its header tells. */
  relayed(): readonly string[] {
    return this.heard().map(({ bytes }) => {
      const { fragment, address, payload } = decodeDatagram(bytes);
      const mark = fragment ? `#${fragment} ` : "";
      return `${mark}${addressText(address)} ${new TextDecoder().decode(payload)}`;
    });
  }

  close(): void {
    this.socket.close();
  }

  async #listen(): Promise<void> {
    for (let batch = await this.socket.receive(); batch; batch = await this.socket.receive()) {
      for (const { bytes, addr } of batch) this.#heard.push({ from: addressText(addr), bytes: bytes.slice() });
    }
  }
}

/** A datagram for the gateway (RFC 1928 s7); `to` is an address, else it goes as a name. */
export function relayable(to: SocketAddr, payload: string | Uint8Array, fragment = 0): Uint8Array {
  const address: Address = ipAddress(to.host, to.port) ?? nameAddress(to.host, to.port);
  const octets = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  return encodeDatagram({ fragment, address, payload: octets });
}
