import type { Listener, Socket } from "../../../src/net/socket.ts";
import { NetError } from "../../../src/net/error.ts";
import { bytes, hex, joined } from "../wire/bytes.ts";
import { settle } from "./test_clock.ts";

/** The far end of a connection of the gateway, played by a test: it writes, and remembers what it hears. */
export class Peer {
  readonly socket: Socket;
  /** How the other side ended: FIN, RST, or not yet. */
  ended: "no" | "end" | "reset" = "no";
  #heard: Uint8Array[] = [];
  #writes: Promise<void> = Promise.resolve();
  #unwritten = 0;
  #paused: Promise<void> | undefined;
  #resume = () => {};

  constructor(socket: Socket, options: { readonly paused?: boolean } = {}) {
    this.socket = socket;
    if (options.paused) this.#paused = new Promise((resolve) => this.#resume = resolve);
    void this.#listen();
  }

  /** Whether all that was sent has been taken. */
  get sent(): boolean {
    return this.#unwritten === 0;
  }

  /** Sends octets, or hexadecimal text with 'characters', and lets the world react. */
  async send(message: string | Uint8Array): Promise<void> {
    const octets = typeof message === "string" ? bytes(message) : message.slice();
    this.#unwritten++;
    this.#writes = this.#writes.then(() => this.socket.write(octets)).then(() => void this.#unwritten--, () => {});
    await settle();
  }

  /** Sends FIN. */
  async finish(): Promise<void> {
    await this.#writes;
    await this.socket.closeWrite();
    await settle();
  }

  async close(): Promise<void> {
    this.socket.close();
    await settle();
  }

  async reset(): Promise<void> {
    this.socket.reset();
    await settle();
  }

  /** Reads on, when it was made paused. */
  async resume(): Promise<void> {
    this.#resume();
    await settle();
  }

  /** What it heard since it was last asked. */
  heardBytes(): Uint8Array {
    return joined(...this.#heard.splice(0));
  }

  heard(): string {
    return hex(this.heardBytes());
  }

  heardText(): string {
    return new TextDecoder().decode(this.heardBytes());
  }

  async #listen(): Promise<void> {
    await this.#paused;
    try {
      for (let chunk = await this.socket.read(); chunk; chunk = await this.socket.read()) {
        this.#heard.push(chunk.slice());
      }
      this.ended = "end";
    } catch (error) {
      this.ended = error instanceof NetError && error.kind === "reset" ? "reset" : "end";
    }
  }
}

/** A server: every connection becomes a Peer. */
export class Server {
  readonly peers: Peer[] = [];
  readonly #listener: Listener;

  constructor(listener: Listener, options: { readonly paused?: boolean } = {}) {
    this.#listener = listener;
    void this.#acceptAll(options);
  }

  /** The last connection. */
  get peer(): Peer {
    const last = this.peers.at(-1);
    if (!last) throw new Error("No connection has come");
    return last;
  }

  close(): void {
    this.#listener.close();
  }

  async #acceptAll(options: { readonly paused?: boolean }): Promise<void> {
    for (let socket = await this.#listener.accept(); socket; socket = await this.#listener.accept()) {
      this.peers.push(new Peer(socket, options));
    }
  }
}
