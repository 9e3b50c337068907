import { NetError } from "../../net/error.ts";
import type { AcceptedSocket, Leaving, Socket, SocketAddr } from "../../net/socket.ts";
import type { Decoded } from "../../protocol/cursor.ts";
import { decodeGssMessage, GSS_MESSAGE_HEADER_SIZE, type GssMessage, GssMessageType } from "../../protocol/gssapi.ts";
import { joined } from "../../protocol/octets.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import type { Encapsulation } from "./encapsulation.ts";
import { giveBack, lendBuffer } from "./token_buffers.ts";

const nothing = new Uint8Array(0);

/** Tokens up to this size have their own memory, since lending is not worth it. */
const SMALL = 8 << 10;

/** A socket whose octets travel in tokens of a context; the context ends with it. */
export class EncapsulatedSocket implements Socket {
  readonly #socket: Socket;
  readonly #encapsulation: Encapsulation;
  #unread: Uint8Array;
  #partial: Partial | undefined;
  /** The buffer lent by the last read. */
  #lent: Uint8Array<ArrayBuffer> | undefined;

  /** `early` has been read from `socket` already. */
  constructor(socket: Socket, encapsulation: Encapsulation, early: Uint8Array = nothing) {
    this.#socket = socket;
    this.#encapsulation = encapsulation;
    this.#unread = early;
  }

  get localAddr(): SocketAddr {
    return this.#socket.localAddr;
  }

  get remoteAddr(): SocketAddr {
    return this.#socket.remoteAddr;
  }

  /** True if there are unread octets. */
  get hasMore(): boolean {
    return this.#unread.length > 0 || this.#partial !== undefined;
  }

  /** The octets of one token per read, so that others get their turn between two. */
  async read(): Promise<Uint8Array | null> {
    if (this.#lent) giveBack(this.#lent);
    this.#lent = undefined;
    for (;;) {
      const token = this.#takeToken();
      if (token) {
        if (token.length > SMALL) this.#lent ??= lendBuffer();
        const bytes = this.#encapsulation.unwrap(token, this.#lent);
        this.#forget();
        const turn = this.#encapsulation.turn(bytes.length);
        if (turn) await turn;
        if (bytes.length > 0) return bytes;
        continue;
      }
      const chunk = await this.#socket.read();
      if (chunk === null && this.hasMore) throw new NetError("reset", "Cannot read: cut within a token");
      if (chunk === null) return null;
      this.#unread = this.#unread.length === 0 ? chunk : joined(this.#unread, chunk);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { capacity } = this.#encapsulation;
    for (let at = 0; at < bytes.length; at += capacity) {
      const piece = bytes.subarray(at, at + capacity);
      const turn = this.#encapsulation.turn(piece.length);
      if (turn) await turn;
      const buffer = piece.length > SMALL ? lendBuffer() : undefined;
      await this.#socket.write(this.#encapsulation.wrap(piece, buffer));
      if (buffer) giveBack(buffer); // not after a failure: other readers may still use it
    }
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    this.#socket.close();
    this.#end();
  }

  reset(): void {
    this.#socket.reset();
    this.#end();
  }

  keepAlive(): void {
    this.#socket.keepAlive();
  }

  #end(): void {
    this.#unread = nothing;
    this.#partial = undefined;
    this.#encapsulation.close();
  }

  /** Undefined while it is incomplete; then at most a part of a header is left unread. Throws NetError. */
  #takeToken(): Uint8Array | undefined {
    if (this.#unread.length === 0) return undefined;
    if (this.#partial) return this.#fill(this.#partial);
    const message = decoded(this.#unread);
    if (message) {
      this.#unread = this.#unread.subarray(message.size);
      return tokenOf(message.value);
    }
    const [, , high, low] = this.#unread;
    if (low === undefined) this.#unread = this.#unread.slice(); // the next read overwrites it
    else return this.#fill(this.#partial = partialOf(GSS_MESSAGE_HEADER_SIZE + high! * 256 + low));
    return undefined;
  }

  /** A token that came in parts has been consumed. */
  #forget(): void {
    if (this.#partial?.buffer) giveBack(this.#partial.buffer);
    this.#partial = undefined;
  }

  /** Each octet of a message is copied once, in any number of parts. */
  #fill(partial: Partial): Uint8Array | undefined {
    const part = this.#unread.subarray(0, partial.bytes.length - partial.size);
    partial.bytes.set(part, partial.size);
    partial.size += part.length;
    this.#unread = this.#unread.subarray(part.length);
    if (partial.size < partial.bytes.length) return undefined;
    return tokenOf(decoded(partial.bytes)!.value);
  }
}

/** A partly received message. */
interface Partial {
  /** The lent buffer of `bytes`, if any. */
  readonly buffer: Uint8Array<ArrayBuffer> | undefined;
  readonly bytes: Uint8Array;
  size: number;
}

function partialOf(length: number): Partial {
  const buffer = length > SMALL ? lendBuffer() : undefined;
  return { buffer, bytes: buffer?.subarray(0, length) ?? new Uint8Array(length), size: 0 };
}

/** Throws NetError. */
function decoded(bytes: Uint8Array): Decoded<GssMessage> | undefined {
  try {
    return decodeGssMessage(bytes);
  } catch (error) {
    throw error instanceof ProtocolError ? new NetError("other", error.message) : error;
  }
}

/** Throws NetError. */
function tokenOf({ type, token }: GssMessage): Uint8Array {
  if (type === GssMessageType.Data) return token;
  throw new NetError("other", `Cannot read: a message of type ${type}, not a token`);
}

/** The same for a connected client. */
export class AcceptedEncapsulatedSocket extends EncapsulatedSocket implements AcceptedSocket {
  readonly #accepted: AcceptedSocket;

  constructor(socket: AcceptedSocket, encapsulation: Encapsulation, early?: Uint8Array) {
    super(socket, encapsulation, early);
    this.#accepted = socket;
  }

  onLeft(left: (how: Leaving) => void): () => void {
    return this.#accepted.onLeft((how) => left(how === "end" && this.hasMore ? "half-close" : how));
  }
}
