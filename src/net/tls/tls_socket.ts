import { Ahead } from "../ahead.ts";
import type { Clock } from "../clock.ts";
import { NetError } from "../error.ts";
import type { AcceptedSocket, Leaving, Socket, SocketAddr } from "../socket.ts";
import type { TlsEnds } from "./tls.ts";
import { TlsRecords } from "./tls_records.ts";

/** Time that a closed socket waits (ms) for its next octets to leave, or for the reason of a failed handshake. */
const LINGER_MS = 5_000, FAREWELL_MS = 250;

/** Closed sockets whose written octets have yet to leave. */
export class Departures {
  readonly #leaving = new Set<Promise<void>>();

  add(leaving: Promise<void>): void {
    this.#leaving.add(leaving);
    void leaving.finally(() => this.#leaving.delete(leaving));
  }

  async over(): Promise<void> {
    while (this.#leaving.size > 0) await Promise.all(this.#leaving);
  }
}

export interface SecureOptions {
  readonly clock: Clock;
  readonly departures: Departures;
}

/** TLS over `socket`, through `ends`. Rejects with NetError if the handshake fails, and closes the socket. */
export async function secure(socket: Socket, ends: TlsEnds, options: SecureOptions): Promise<AcceptedSocket> {
  const secured = new TlsSocket(socket, ends, options);
  try {
    await ends.secured;
    return secured;
  } catch (error) {
    // Runtimes end TLS silently if they reject a client's certificate.
    const refused = !secured.ended && error instanceof NetError && error.kind === "closed";
    await secured.leave(FAREWELL_MS);
    throw refused ? new NetError("other", "Cannot speak TLS: the certificate is not valid", { cause: error }) : error;
  }
}

class TlsSocket implements AcceptedSocket {
  readonly #socket: Socket;
  readonly #ends: TlsEnds;
  readonly #options: SecureOptions;
  readonly #records = new TlsRecords();
  readonly #ahead = new Ahead(() => this.#receive());
  /** Resolve when sending, and when receiving, has ended. */
  readonly #sent: Promise<void>;
  readonly #received: Promise<void>;
  /** Ends a pending read(). */
  #wake = () => {};
  #failure: NetError | undefined;
  #closed = false;
  /** Octets have left, so the time starts again. */
  #moved = () => {};
  /** True if the peer has finished, or cannot send. */
  ended = false;

  constructor(socket: Socket, ends: TlsEnds, options: SecureOptions) {
    this.#socket = socket;
    this.#ends = ends;
    this.#options = options;
    this.#sent = this.#pumpOut();
    this.#received = this.#pumpIn();
  }

  get localAddr(): SocketAddr {
    return this.#socket.localAddr;
  }

  get remoteAddr(): SocketAddr {
    return this.#socket.remoteAddr;
  }

  read(): Promise<Uint8Array | null> {
    return this.#closed ? Promise.resolve(null) : this.#ahead.read();
  }

  onLeft(left: (how: Leaving) => void): () => void {
    return this.#ahead.onLeft(left);
  }

  async #receive(): Promise<Uint8Array | null> {
    if (this.#closed) return null;
    const woken = new Promise<null>((resolve) => this.#wake = () => resolve(null));
    try {
      const bytes = await Promise.race([woken, this.#ends.clear.read()]);
      if (bytes !== null) return bytes;
    } catch (error) {
      if (!this.#closed) throw this.#failure ?? error;
    }
    if (this.#failure && !this.#closed) throw this.#failure;
    return null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) throw new NetError("closed", "Cannot write: closed");
    try {
      await this.#ends.clear.write(bytes);
    } catch (error) {
      throw this.#failure ?? error;
    }
    if (this.#failure) throw this.#failure;
  }

  closeWrite(): Promise<void> {
    return this.#ends.clear.closeWrite();
  }

  close(): void {
    if (!this.#closed) void this.leave(LINGER_MS);
  }

  reset(): void {
    this.#closed = true;
    this.#wake();
    this.#socket.reset();
    this.#ends.clear.close();
    this.#ends.sealed.close();
  }

  keepAlive(): void {
    this.#socket.keepAlive();
  }

  /** Closes it when the written octets have left, or after a time without progress. */
  async leave(withinMs: number): Promise<void> {
    this.#closed = true;
    this.#wake();
    this.#ends.clear.close();
    let cancel = () => {};
    this.#moved = () => {
      cancel();
      cancel = this.#options.clock.after(withinMs, () => this.#socket.close());
    };
    this.#moved();
    this.#options.departures.add(this.#sent);
    await this.#sent;
    await this.#received; // the kernel resets a connection that is closed with unread octets, and sent data would be lost
    cancel();
    this.#socket.close();
    this.#ends.sealed.close();
  }

  async #pumpIn(): Promise<void> {
    const { sealed } = this.#ends;
    try {
      for (let chunk = await this.#socket.read(); chunk; chunk = await this.#socket.read()) {
        this.#records.take(chunk);
        if (!this.#closed) await sealed.write(chunk).catch((error) => this.#fail(error));
      }
      this.ended = true;
      // An end must be announced in TLS (RFC 8446 s6.1): anyone in between could end the connection.
      if (!this.#records.farewell) {
        this.#failure ??= new NetError("reset", "Cannot read: the connection was cut within TLS");
      }
      await sealed.closeWrite();
    } catch (error) {
      this.ended = true;
      this.#fail(error);
    }
  }

  async #pumpOut(): Promise<void> {
    const { sealed } = this.#ends;
    try {
      for (let chunk = await sealed.read(); chunk; chunk = await sealed.read()) {
        await this.#socket.write(chunk);
        this.#moved();
      }
      await this.#socket.closeWrite();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The connection or TLS is broken. */
  #fail(error: unknown): void {
    if (this.#closed) return;
    if (error instanceof NetError) this.#failure ??= error;
    this.#ends.clear.close();
    this.#ends.sealed.close();
    this.#wake();
  }
}
