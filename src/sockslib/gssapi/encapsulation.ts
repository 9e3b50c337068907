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

/** Octets until others get a turn (2 to 5 ms of a core): with sockets that are always ready, they would get none between two tokens. */
const TURN = 512 << 10;

/** Fixed cost of a token, in octets. */
const TOKEN_COST = 1 << 10;

/**
 * Traffic after the agreement on a protection level (RFC 1961 s5): every octet is in a token of the context. A token is
 * valid if it is under the acceptor's subkey of this context, at the level, and not a replay.
 */
export class Encapsulation {
  /** Octets that fit one token. */
  readonly capacity: number;
  readonly #context: GssContext;
  readonly #sealed: boolean;
  readonly #order: TokenOrder;
  readonly #clock: Clock;
  #scattered = false;
  #sinceTurn = 0;

  /** `last` is the sequence number of the peer's previous token, if any. Takes over the context. Throws NetError. */
  constructor(context: GssContext, sealed: boolean, last: number | undefined, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
    this.#sealed = sealed;
    this.#order = new TokenOrder(last);
    this.capacity = context.capacity(sealed, MAX_TOKEN_SIZE);
  }

  /** From now on tokens may also come by datagram, lost or out of order. */
  scatter(): void {
    this.#scattered = true;
  }

  /** What to wait for before so many more octets; undefined for nothing. */
  turn(size: number): Promise<void> | undefined {
    this.#sinceTurn += size + TOKEN_COST;
    if (this.#sinceTurn < TURN) return undefined;
    this.#sinceTurn = 0;
    return pause(this.#clock, 0);
  }

  /** A complete message, in `into` if given. Throws NetError. */
  wrap(bytes: Uint8Array, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (bytes.length > this.capacity) {
      throw new NetError("other", `Cannot wrap ${bytes.length} octets: too many for a token`);
    }
    const message = this.#context.wrap(bytes, this.#sealed, GSS_MESSAGE_HEADER_SIZE, into);
    writeGssHeader(message, GssMessageType.Data);
    return message;
  }

  /** The content of a token. Throws NetError. */
  unwrap(token: Uint8Array, into?: Uint8Array): Uint8Array {
    const header = wrapHeader(token);
    if (!header?.byAcceptorKey) throw refused("it is not by the key of this context");
    const { bytes, sealed } = this.#context.unwrap(token, into);
    if (this.#sealed && !sealed) throw refused("it is not encrypted, though that was agreed on");
    const inOrder = this.#scattered ? this.#order.isNew(header.sequence) : this.#order.isNext(header.sequence);
    if (!inOrder) throw refused("it has come before, or not in its turn");
    return bytes;
  }

  /** The content of a complete message, such as a datagram. Throws NetError or ProtocolError. */
  unwrapMessage(message: Uint8Array): Uint8Array {
    const decoded = decodeGssMessage(message);
    const isWhole = decoded?.size === message.length && decoded.value.type === GssMessageType.Data;
    if (!isWhole) throw refused("the message is incomplete");
    return this.unwrap(decoded.value.token);
  }

  close(): void {
    this.#context.close();
  }
}

function refused(state: string): NetError {
  return new NetError("other", `Cannot take a token: ${state}`);
}
