import { ipAddress } from "../protocol/address.ts";
import { decodeDatagram, encodeHeader } from "../protocol/datagram.ts";
import { NetError } from "../net/error.ts";
import type { SocketAddr } from "../net/socket.ts";
import { destinationAddress } from "./chain/destination.ts";
import type { OnwardAssociation } from "./chain/onward_association.ts";

/** A datagram and its source, as the last gateway reports it. */
export interface ReceivedDatagram {
  /** The payload. */
  readonly payload: Uint8Array;
  /** The source, as the last gateway reports it. */
  readonly source: SocketAddr;
}

/** UDP ASSOCIATE for applications. It ends when the connection to one of the gateways does (RFC 1928 s7). */
export class Association {
  readonly #nested: OnwardAssociation;
  #received: ReceivedDatagram[] = [];

  /**
   * Made by Client.associate().
   * @internal
   */
  constructor(nested: OnwardAssociation) {
    this.#nested = nested;
  }

  /** Resolves when it has ended. */
  get ended(): Promise<void> {
    return this.#nested.ended;
  }

  /** Sends one datagram; a name is resolved by the last gateway. Rejects with NetError if it could not be sent. */
  async send(payload: Uint8Array, destination: SocketAddr): Promise<void> {
    const header = encodeHeader(destinationAddress(destination));
    const lost = this.#nested.closed ? 1 : await this.#nested.send([{ header, payload }]);
    if (lost === 0) return;
    const state = this.#nested.closed ? "the association has ended" : "too large, or no way to the gateway";
    throw new NetError(this.#nested.closed ? "closed" : "other", `Cannot send a datagram: ${state}`);
  }

  /** The next datagram, or null at the end. The payload is valid until the next receive(). */
  async receive(): Promise<ReceivedDatagram | null> {
    while (this.#received.length === 0) {
      const batch = await this.#nested.receive();
      if (!batch) return null;
      this.#received = batch.flatMap(received);
    }
    return this.#received.shift()!;
  }

  /** Ends it, and its TCP connection. Idempotent. */
  close(): void {
    this.#nested.close();
  }
}

/** A malformed datagram is dropped alone; only an association that sends fragments receives some. */
function received(bytes: Uint8Array): readonly ReceivedDatagram[] {
  try {
    const { fragment, address: { host, port }, payload } = decodeDatagram(bytes);
    return fragment === 0 && ipAddress(host, port) ? [{ payload, source: { host, port } }] : [];
  } catch {
    return [];
  }
}
