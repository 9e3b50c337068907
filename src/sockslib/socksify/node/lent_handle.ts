import net from "node:net";
import { getSystemErrorName } from "node:util";
import { NetError, netError } from "../../../net/error.ts";
import type { SocketAddr } from "../../../net/socket.ts";
import { addressText } from "../../../protocol/address.ts";
import { LentSocket } from "../lent_socket.ts";
import { type Connect, type ConnectRequest, type Handle, ownerOf, ownerSymbol } from "./socket_handle.ts";

/** The application's handle while the SOCKS client talks on it: a net.Socket for the time being. */
export class LentHandle {
  readonly socket: LentSocket;
  readonly #handle: Handle;
  readonly #hop: SocketAddr;
  #stream: net.Socket | undefined;
  #state: { readonly owner: unknown; readonly onread: unknown } | undefined;

  constructor(handle: Handle, hop: SocketAddr) {
    this.#handle = handle;
    this.#hop = hop;
    this.socket = new LentSocket({
      localAddr: { host: "0.0.0.0", port: 0 },
      remoteAddr: hop,
      write: (bytes) => this.#write(bytes),
      close: () => this.giveBack(),
    });
  }

  async connect({ constructor }: ConnectRequest, connect: Connect): Promise<void> {
    const status = await new Promise<number>((resolve) => {
      const request = new (constructor as new () => ConnectRequest)();
      request.oncomplete = (status) => resolve(status);
      const status = connect.call(this.#handle, request, this.#hop.host, this.#hop.port);
      if (status !== 0) resolve(status);
    });
    if (status !== 0) {
      throw netError({ code: getSystemErrorName(status) }, "connect to", `the gateway ${addressText(this.#hop)}`);
    }
    const handle = this.#handle;
    const owner = ownerOf(handle), { onread } = handle;
    const options = { handle, allowHalfOpen: true, manualStart: true };
    const stream = this.#stream = new net.Socket(options as unknown as net.SocketConstructorOpts);
    this.#state = { owner, onread };
    stream.on("data", (bytes: Uint8Array) => this.socket.feed(bytes));
    stream.on("end", () => this.socket.end());
    stream.on("error", (error) => this.socket.end(netError(error, "talk to", `the gateway ${addressText(this.#hop)}`)));
  }

  /** Returns the handle to its owner. */
  giveBack(): void {
    const stream = this.#stream as unknown as { _handle: Handle | null; removeAllListeners(): void } | undefined;
    if (!stream || !this.#state) return;
    const handle = this.#handle;
    stream.removeAllListeners();
    stream._handle = null;
    handle.readStop();
    handle.reading = false;
    if (this.#state.onread) handle.onread = this.#state.onread; // Node.js aborts if it is not one
    handle[ownerSymbol(handle)!] = this.#state.owner;
    this.#stream = undefined;
  }

  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#stream) return reject(new NetError("closed", "Cannot talk to the gateway: closed"));
      this.#stream.write(bytes, (error) => {
        if (error) reject(netError(error, "talk to", `the gateway ${addressText(this.#hop)}`));
        else resolve();
      });
    });
  }
}
