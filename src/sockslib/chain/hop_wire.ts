import type { Decode } from "../../protocol/cursor.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
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

/** What a conversation with gateways may need, beside the connection. */
export interface HopMeans {
  readonly clock: Clock;
  readonly tls?: Tls | undefined;
  /** For gateways that want a ticket. */
  readonly gss?: GssInitiator | undefined;
  /** Made when nobody waits for the conversation any more. */
  readonly cut?: Cut;
}

/** Messages of the gateways of a chain over one socket, however they are sliced. */
export class HopWire {
  readonly #means: HopMeans;
  readonly #asker: Asker;
  #socket: Socket;
  #messages: Messages;

  /** How octets to and from the gateway that is talked to travel; its datagrams do so too. */
  encapsulation: Encapsulation | undefined;

  constructor(socket: Socket, means: HopMeans, asker: Asker = { client: "" }) {
    this.#socket = socket;
    this.#messages = new Messages(socket, hungUp);
    this.#means = means;
    this.#asker = asker;
  }

  /** The way to the gateway that is talked to. */
  get socket(): Socket {
    return this.#socket;
  }

  /** Speaks TLS from now on, with who has to be `name`. Rejects with NetError. */
  async secure(name: string): Promise<void> {
    const { tls } = this.#means;
    if (!tls) throw new NetError("other", "there is no TLS here");
    this.#socket = await tls.connect(this.way(), name, this.#asker);
    this.#messages = new Messages(this.#socket, hungUp);
  }

  /** Shows a ticket, once the gateway has chosen that. Rejects with LoginRefused, NetError and ProtocolError. */
  async logIn(wish: GssapiWish): Promise<void> {
    const { clock, gss, cut } = this.#means;
    if (!gss) throw new NetError("other", "there is no GSSAPI here");
    const encapsulation = await logInByGssapi(this, gss, wish, { clock, asker: this.#asker, cut });
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
