import { Messages } from "../../net/messages.ts";
import { accepted, type Socket } from "../../net/socket.ts";
import type { Decode } from "../../protocol/cursor.ts";

/** The client left in the middle of the conversation. */
export class ClientLeft extends Error {
  override readonly name = "ClientLeft";
}

const left = () => new ClientLeft("The client left in the middle of a message");

const noAnswer = (error: unknown) => {
  throw new ClientLeft("The client left before its answer", { cause: error });
};

const firstOctet: Decode<number> = (bytes) => ({ value: bytes[0]!, size: 0 });

/** Messages over the socket of a client; take() rejects with ClientLeft if it leaves. */
export class Wire extends Messages {
  readonly #socket: Socket;

  /** `early` are octets that were read from `socket` already. */
  constructor(socket: Socket, early?: Uint8Array) {
    super(socket, left, early);
    this.#socket = socket;
  }

  /** The first octet of the next message, which is not taken. Rejects with ClientLeft or NetError. */
  peek(): Promise<number> {
    return this.take(firstOctet);
  }

  /** Rejects with ClientLeft: any failure to write means that the client has left. */
  send(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return accepted;
    const written = this.#socket.write(bytes);
    return written === accepted ? accepted : written.catch(noAnswer);
  }
}
