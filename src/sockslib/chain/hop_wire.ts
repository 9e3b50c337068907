import type { Decode } from "../../protocol/cursor.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { encodeProxyHeader, type ProxiedConnection } from "../../protocol/proxy_header.ts";
import { NetError } from "../../net/error.ts";
import { Messages } from "../../net/messages.ts";
import type { Socket } from "../../net/socket.ts";
import type { GssInitiator } from "../../net/gss/gss.ts";
import type { Tls } from "../../net/tls/tls.ts";
import type { Asker } from "../../turns/fair_queue.ts";
import { EncapsulatedSocket } from "../gssapi/encapsulated_socket.ts";
import type { Encapsulation } from "../gssapi/encapsulation.ts";
import { type GssapiWish, logInByGssapi } from "../gssapi/gssapi_login.ts";
import { HeadedSocket } from "./headed_socket.ts";

const hungUp = () => new NetError("closed", "it has hung up");

/** The asker of a conversation with gateways, and the client's address for them. */
export interface Behalf {
  readonly asker?: Asker;
  readonly client?: (() => ProxiedConnection | undefined) | undefined;
}

/** What a conversation with gateways may need besides the connection. */
export interface HopMeans {
  readonly clock: Clock;
  readonly tls?: Tls | undefined;
  /** For gateways that require a ticket. */
  readonly gss?: GssInitiator | undefined;
}

/** Messages of a chain's gateways over one socket, in slices of any size. */
export class HopWire {
  readonly #means: HopMeans;
  readonly #behalf: Behalf;
  readonly #cut: Cut;
  #socket: Socket;
  #messages: Messages;

  /** The encapsulation of traffic with the current gateway, datagrams included. */
  encapsulation: Encapsulation | undefined;

  /** The cut fires when no caller waits for the conversation any more. */
  constructor(socket: Socket, means: HopMeans, behalf: Behalf, cut: Cut) {
    this.#socket = socket;
    this.#messages = new Messages(socket, hungUp);
    this.#means = means;
    this.#behalf = behalf;
    this.#cut = cut;
  }

  /** The socket to the current gateway. */
  get socket(): Socket {
    return this.#socket;
  }

  /** Undefined for the gateway itself. */
  get #asker(): Asker {
    return this.#behalf.asker ?? { client: "" };
  }

  /** Sends the client's address by that version of the PROXY protocol. Rejects with NetError. */
  introduce(version: 1 | 2): Promise<void> {
    return this.send(encodeProxyHeader(version, this.#behalf.client?.()));
  }

  /** Starts TLS with a server that must prove `name`. Rejects with NetError. */
  async secure(name: string): Promise<void> {
    const { tls } = this.#means;
    if (!tls) throw new NetError("other", "there is no TLS here");
    this.#socket = await tls.connect(this.#socket, name, this.#asker, this.rest());
    this.#messages = new Messages(this.#socket, hungUp);
  }

  /** Authenticates by ticket, after the gateway has chosen GSSAPI. Rejects with LoginRefused, NetError and ProtocolError. */
  async logIn(wish: GssapiWish): Promise<void> {
    const { clock, gss } = this.#means;
    if (!gss) throw new NetError("other", "there is no GSSAPI here");
    const encapsulation = await logInByGssapi(this, gss, wish, { clock, asker: this.#asker, cut: this.#cut });
    this.encapsulation = encapsulation;
    if (!encapsulation) return;
    this.#socket = new EncapsulatedSocket(this.#socket, encapsulation, this.rest());
    this.#messages = new Messages(this.#socket, hungUp);
  }

  /** The next message; `decode` must bound its size. Rejects with the error of `decode`, or with NetError. */
  take<T>(decode: Decode<T>): Promise<T> {
    return this.#messages.take(decode);
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.#socket.write(bytes);
  }

  /** Octets behind the last message: the destination's first bytes. A copy, returned once. */
  rest(): Uint8Array | undefined {
    return this.#messages.rest();
  }

  /** The socket to the destination, after the conversation; early octets are kept. */
  way(): Socket {
    const rest = this.rest();
    return rest ? new HeadedSocket(this.#socket, rest) : this.#socket;
  }
}
