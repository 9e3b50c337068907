import type { Decode } from "../../protocol/cursor.ts";
import { encodeProxyHeader, type ProxiedConnection } from "../../protocol/proxy_header.ts";
import { NetError } from "../../net/error.ts";
import { Messages } from "../../net/messages.ts";
import type { Socket } from "../../net/socket.ts";
import type { Tls } from "../../net/tls/tls.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { HeadedSocket } from "./headed_socket.ts";

const hungUp = () => new NetError("closed", "it has hung up");

/** On whose account gateways are talked to, and what they may be told of it. */
export interface Behalf {
  readonly asker?: Asker;
  readonly client?: (() => ProxiedConnection | undefined) | undefined;
}

/** Messages of the gateways of a chain over one socket, however they are sliced. */
export class HopWire {
  readonly #tls: Tls | undefined;
  readonly #behalf: Behalf;
  #socket: Socket;
  #messages: Messages;

  constructor(socket: Socket, tls: Tls | undefined, behalf: Behalf) {
    this.#socket = socket;
    this.#messages = new Messages(socket, hungUp);
    this.#tls = tls;
    this.#behalf = behalf;
  }

  /** The way to the gateway that is talked to. */
  get socket(): Socket {
    return this.#socket;
  }

  /** Says whose connection it is, by that version of the PROXY protocol. Rejects with NetError. */
  introduce(version: 1 | 2): Promise<void> {
    return this.send(encodeProxyHeader(version, this.#behalf.client?.()));
  }

  /** Speaks TLS from now on, with who has to be `name`. Rejects with NetError. */
  async secure(name: string): Promise<void> {
    if (!this.#tls) throw new NetError("other", "there is no TLS here");
    this.#socket = await this.#tls.connect(this.#socket, name, this.#behalf.asker ?? { client: "" }, this.rest());
    this.#messages = new Messages(this.#socket, hungUp);
  }

  /** The next message, which `decode` must not wait for without end. Rejects with what it throws, or with NetError. */
  take<T>(decode: Decode<T>): Promise<T> {
    return this.#messages.take(decode);
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.#socket.write(bytes);
  }

  /** What came behind the last message: the destination's first bytes. A copy, told once. */
  rest(): Uint8Array | undefined {
    return this.#messages.rest();
  }

  /** The way to the destination, once the gateways have been talked to: nothing that came early is lost. */
  way(): Socket {
    const rest = this.rest();
    return rest ? new HeadedSocket(this.#socket, rest) : this.#socket;
  }
}
