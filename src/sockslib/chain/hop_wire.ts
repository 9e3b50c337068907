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

/** On whose account gateways are talked to, and what they may be told of it. */
export interface Behalf {
  readonly asker?: Asker;
  readonly client?: (() => ProxiedConnection | undefined) | undefined;
}

/** What a conversation with gateways may need, beside the connection. */
export interface HopMeans {
  readonly clock: Clock;
  readonly tls?: Tls | undefined;
  /** For gateways that want a ticket. */
  readonly gss?: GssInitiator | undefined;
}

/** Messages of the gateways of a chain over one socket, however they are sliced. */
export class HopWire {
  readonly #means: HopMeans;
  readonly #behalf: Behalf;
  readonly #cut: Cut;
  #socket: Socket;
  #messages: Messages;

  /** How octets to and from the gateway that is talked to travel; its datagrams do so too. */
  encapsulation: Encapsulation | undefined;

  /** The cut is made when nobody waits for the conversation any more. */
  constructor(socket: Socket, means: HopMeans, behalf: Behalf, cut: Cut) {
    this.#socket = socket;
    this.#messages = new Messages(socket, hungUp);
    this.#means = means;
    this.#behalf = behalf;
    this.#cut = cut;
  }

  /** The way to the gateway that is talked to. */
  get socket(): Socket {
    return this.#socket;
  }

  /** The gateway's own where undefined. */
  get #asker(): Asker {
    return this.#behalf.asker ?? { client: "" };
  }

  /** Says whose connection it is, by that version of the PROXY protocol. Rejects with NetError. */
  introduce(version: 1 | 2): Promise<void> {
    return this.send(encodeProxyHeader(version, this.#behalf.client?.()));
  }

  /** Speaks TLS from now on, with who has to be `name`. Rejects with NetError. */
  async secure(name: string): Promise<void> {
    const { tls } = this.#means;
    if (!tls) throw new NetError("other", "there is no TLS here");
    this.#socket = await tls.connect(this.#socket, name, this.#asker, this.rest());
    this.#messages = new Messages(this.#socket, hungUp);
  }

  /** Shows a ticket, once the gateway has chosen that. Rejects with LoginRefused, NetError and ProtocolError. */
  async logIn(wish: GssapiWish): Promise<void> {
    const { clock, gss } = this.#means;
    if (!gss) throw new NetError("other", "there is no GSSAPI here");
    const encapsulation = await logInByGssapi(this, gss, wish, { clock, asker: this.#asker, cut: this.#cut });
    this.encapsulation = encapsulation;
    if (!encapsulation) return;
    this.#socket = new EncapsulatedSocket(this.#socket, encapsulation, this.rest());
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
