import { NetError } from "../../net/error.ts";
import type { AcceptedSocket, Leaving, Socket, SocketAddr } from "../../net/socket.ts";
import { decodeGssMessage, GssMessageType } from "../../protocol/gssapi.ts";
import { joined } from "../../protocol/octets.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import type { Encapsulation } from "./encapsulation.ts";

const nothing = new Uint8Array(0);

/** A socket whose octets travel in the tokens of a context, which ends with it. */
export class EncapsulatedSocket implements Socket {
  readonly #socket: Socket;
  readonly #encapsulation: Encapsulation;
  #unread: Uint8Array;

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

  /** Whether something has come that nobody has read. */
  get hasMore(): boolean {
    return this.#unread.length > 0;
  }

  /** The octets of one token: whoever reads on lets others have their turn between two. */
  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const token = this.#takeToken();
      const bytes = token && this.#encapsulation.unwrap(token);
      if (bytes && bytes.length > 0) return bytes;
      if (bytes) continue;
      const kept = this.#unread.slice(); // the next read overwrites it
      const chunk = await this.#socket.read();
      if (chunk === null && kept.length > 0) throw new NetError("reset", "Cannot read: cut within a token");
      if (chunk === null) return null;
      this.#unread = kept.length === 0 ? chunk : joined(kept, chunk);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { capacity } = this.#encapsulation;
    for (let at = 0; at < bytes.length; at += capacity) {
      await this.#socket.write(this.#encapsulation.wrap(bytes.subarray(at, at + capacity)));
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
    this.#encapsulation.close();
  }

  /** Undefined where it has not come whole yet. Throws NetError. */
  #takeToken(): Uint8Array | undefined {
    if (this.#unread.length === 0) return undefined;
    let message;
    try {
      message = decodeGssMessage(this.#unread);
    } catch (error) {
      throw error instanceof ProtocolError ? new NetError("other", error.message) : error;
    }
    if (!message) return undefined;
    const { size, value: { type, token } } = message;
    if (type !== GssMessageType.Data) {
      throw new NetError("other", `Cannot read: a message of type ${type}, not a token`);
    }
    this.#unread = this.#unread.subarray(size);
    return token;
  }
}

/** The same of a client that has connected. */
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
