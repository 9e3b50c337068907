import { Messages } from "../../net/messages.ts";
import type { Socket, SocketAddr } from "../../net/socket.ts";
import { encodeHttpAnswer, httpResponseDecoder } from "../../protocol/http_response.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";

const unanswered = () =>
  new ProtocolError("Cannot pass an HTTP response on: the server has closed the connection first");

/** A destination that answers by HTTP: the heads of its answer say that this connection ends behind it. */
export class HttpResponseSocket implements Socket {
  readonly localAddr: SocketAddr;
  readonly remoteAddr: SocketAddr;
  readonly #socket: Socket;
  readonly #messages: Messages;
  #state: "head" | "rest" | "body" | "over" = "head";

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#messages = new Messages(socket, unanswered);
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#state === "head") return await this.#head();
    const rest = this.#state === "rest" ? this.#messages.rest() : undefined;
    if (this.#state === "rest") this.#state = "body";
    return rest ?? (this.#state === "over" ? null : await this.#socket.read());
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#socket.write(bytes);
  }

  /** Where there is none to pass on, the client is told so. */
  async #head(): Promise<Uint8Array> {
    try {
      const { bytes, final } = await this.#messages.take(httpResponseDecoder());
      if (final) this.#state = "rest";
      return bytes;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#state = "over";
      return encodeHttpAnswer(502, `gate46: ${error.message}`);
    }
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    this.#socket.close();
  }

  reset(): void {
    this.#socket.reset();
  }

  keepAlive(): void {
    this.#socket.keepAlive();
  }
}
