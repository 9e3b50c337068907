import { type Clock, pause } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { GssContext } from "../../net/gss/gss.ts";
import {
  decodeGssMessage,
  GSS_MESSAGE_HEADER_SIZE,
  GssMessageType,
  MAX_TOKEN_SIZE,
  wrapHeader,
  writeGssHeader,
} from "../../protocol/gssapi.ts";
import { TokenOrder } from "./token_order.ts";

/** After so many octets others have their turn (2 to 5 ms of a core): where sockets are always ready, they had none between two tokens. */
const TURN = 512 << 10;

/** What a token takes beside its octets is as much as so many of them. */
const TOKEN_COST = 1 << 10;

/**
 * What both sides say once a level of protection is agreed on (RFC 1961 s5): every octet is in a token of the context. A token
 * counts where it is by the key that the acceptor has made for this context, at the level, and none that has come before.
 */
export class Encapsulation {
  /** How many octets one token takes. */
  readonly capacity: number;
  readonly #context: GssContext;
  readonly #sealed: boolean;
  readonly #order: TokenOrder;
  readonly #clock: Clock;
  #scattered = false;
  #sinceTurn = 0;

  /** `last` is the number of the other side's token before, where there was one. Takes the context over. Throws NetError. */
  constructor(context: GssContext, sealed: boolean, last: number | undefined, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
    this.#sealed = sealed;
    this.#order = new TokenOrder(last);
    this.capacity = context.capacity(sealed, MAX_TOKEN_SIZE);
  }

  /** From now on tokens go by datagrams too, which may be lost and come late. */
  scatter(): void {
    this.#scattered = true;
  }

  /** What to wait for before so many octets more; undefined for nothing. */
  turn(size: number): Promise<void> | undefined {
    this.#sinceTurn += size + TOKEN_COST;
    if (this.#sinceTurn < TURN) return undefined;
    this.#sinceTurn = 0;
    return pause(this.#clock, 0);
  }

  /** A whole message, put `into` that where it is given. Throws NetError. */
  wrap(bytes: Uint8Array, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (bytes.length > this.capacity) {
      throw new NetError("other", `Cannot wrap ${bytes.length} octets: too many for a token`);
    }
    const message = this.#context.wrap(bytes, this.#sealed, GSS_MESSAGE_HEADER_SIZE, into);
    writeGssHeader(message, GssMessageType.Data);
    return message;
  }

  /** What is in a token. Throws NetError. */
  unwrap(token: Uint8Array, into?: Uint8Array): Uint8Array {
    const header = wrapHeader(token);
    if (!header?.byAcceptorKey) throw refused("it is not by the key of this context");
    const { bytes, sealed } = this.#context.unwrap(token, into);
    if (this.#sealed && !sealed) throw refused("it is not encrypted, though that was agreed on");
    const inOrder = this.#scattered ? this.#order.isNew(header.sequence) : this.#order.isNext(header.sequence);
    if (!inOrder) throw refused("it has come before, or not in its turn");
    return bytes;
  }

  /** What is in a message that has to be whole, as a datagram is. Throws NetError or ProtocolError. */
  unwrapMessage(message: Uint8Array): Uint8Array {
    const decoded = decodeGssMessage(message);
    const isWhole = decoded?.size === message.length && decoded.value.type === GssMessageType.Data;
    if (!isWhole) throw refused("it is no whole message");
    return this.unwrap(decoded.value.token);
  }

  close(): void {
    this.#context.close();
  }
}

function refused(state: string): NetError {
  return new NetError("other", `Cannot take a token: ${state}`);
}
