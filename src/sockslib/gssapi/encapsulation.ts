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
  #scattered = false;

  /** `last` is the number of the other side's token before, where there was one. Takes the context over. Throws NetError. */
  constructor(context: GssContext, sealed: boolean, last: number | undefined) {
    this.#context = context;
    this.#sealed = sealed;
    this.#order = new TokenOrder(last);
    this.capacity = context.capacity(sealed, MAX_TOKEN_SIZE);
  }

  /** From now on tokens go by datagrams too, which may be lost and come late. */
  scatter(): void {
    this.#scattered = true;
  }

  /** A whole message. Throws NetError. */
  wrap(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    if (bytes.length > this.capacity) {
      throw new NetError("other", `Cannot wrap ${bytes.length} octets: too many for a token`);
    }
    const message = this.#context.wrap(bytes, this.#sealed, GSS_MESSAGE_HEADER_SIZE);
    writeGssHeader(message, GssMessageType.Data);
    return message;
  }

  /** What is in a token. Throws NetError. */
  unwrap(token: Uint8Array): Uint8Array {
    const header = wrapHeader(token);
    if (!header?.byAcceptorKey) throw refused("it is not by the key of this context");
    const { bytes, sealed } = this.#context.unwrap(token);
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
