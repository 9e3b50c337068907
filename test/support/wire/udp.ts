import { createSocket, type Socket } from "node:dgram";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { within } from "../program/until.ts";

/** A UDP socket of node:dgram that keeps what comes until it is asked for. */
export class Udp {
  readonly #socket: Socket;
  readonly #received: { bytes: Uint8Array; from: SocketAddr }[] = [];
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes: Uint8Array, from: { address: string; port: number }) => {
      this.#received.push({ bytes: new Uint8Array(bytes), from: { host: from.address, port: from.port } });
      this.#wake();
    });
  }

  static async bind(host: string, port = 0): Promise<Udp> {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    await new Promise<void>((resolve, reject) => socket.once("error", reject).bind(port, host, resolve));
    socket.on("error", () => {});
    return new Udp(socket);
  }

  get addr(): SocketAddr {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  /** Resolves when it has left, so that the next one leaves after it. */
  send(bytes: Uint8Array, to: SocketAddr): Promise<void> {
    return new Promise((resolve) => this.#socket.send(bytes, to.port, to.host, () => resolve()));
  }

  async receive(): Promise<{ bytes: Uint8Array; from: SocketAddr }> {
    if (this.#received.length === 0) await within("a datagram", new Promise<void>((resolve) => this.#wake = resolve));
    return this.#received.shift()!;
  }

  /** How many came that nobody asked for. */
  get waiting(): number {
    return this.#received.length;
  }

  close(): void {
    this.#socket.close();
  }
}

/** Sends each datagram back where it came from. */
export async function echoUdp(host: string): Promise<{ addr: SocketAddr; close(): void }> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on(
    "message",
    (bytes: Uint8Array, from: { address: string; port: number }) => socket.send(bytes, from.port, from.address),
  );
  await new Promise<void>((resolve, reject) => socket.once("error", reject).bind(0, host, resolve));
  return { addr: { host, port: socket.address().port }, close: () => socket.close() };
}
