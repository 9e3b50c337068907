import type { Socket as NodeTcp } from "node:net";
import { addressText } from "../../protocol/address.ts";
import { Ahead } from "../ahead.ts";
import { NetError, netError } from "../error.ts";
import type { AcceptedSocket, Leaving, SocketAddr } from "../socket.ts";
import { socketAddr } from "../socket_addr.ts";

/** Silence before the kernel's first probe. */
const KEEPALIVE_IDLE_MS = 60_000;

/** Turns a stream of node:net, which is half open, into the pull of Socket. */
export class NodeSocket implements AcceptedSocket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  readonly #tcp: NodeTcp;
  #ahead: Ahead | undefined;
  #ended = false;
  #closed = false;
  #failure: NetError | undefined;
  /** Wakes the reader. */
  #wake = () => {};

  constructor(tcp: NodeTcp) {
    this.#tcp = tcp;
    this.localAddr = socketAddr(tcp.localAddress!, tcp.localPort!);
    this.remoteAddr = socketAddr(tcp.remoteAddress!, tcp.remotePort!);
    tcp.on("readable", () => this.#wake());
    tcp.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    tcp.on("error", (error) => {
      this.#failure ??= this.#failed(error);
      this.#wake();
    });
    tcp.on("close", () => this.#wake());
  }

  read(): Promise<Uint8Array | null> {
    return this.#ahead && !this.#closed ? this.#ahead.read() : this.#receive();
  }

  onLeft(left: (how: Leaving) => void): () => void {
    this.#ahead ??= new Ahead(() => this.#receive());
    return this.#ahead.onLeft(left);
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#tcp.write(bytes, (error) => {
        if (!error) resolve();
        else reject(this.#closed ? closed() : this.#failure ??= this.#failed(error));
      });
    });
  }

  closeWrite(): Promise<void> {
    if (!this.#closed) this.#tcp.end();
    return Promise.resolve();
  }

  close(): void {
    this.#end(() => this.#tcp.destroySoon());
  }

  reset(): void {
    this.#end(() => this.#tcp.resetAndDestroy());
  }

  keepAlive(): void {
    if (!this.#closed) this.#tcp.setKeepAlive(true, KEEPALIVE_IDLE_MS);
  }

  async #receive(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#closed) return null;
      const chunk = this.#tcp.read() as Uint8Array | null;
      if (chunk !== null) return chunk;
      if (this.#failure) throw this.#failure;
      if (this.#ended || this.#tcp.destroyed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #end(how: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    how();
    this.#wake();
  }

  #failed(error: Error): NetError {
    return netError(error, "use the connection of", addressText(this.remoteAddr));
  }
}

function closed(): NetError {
  return new NetError("closed", "Cannot write: closed");
}
