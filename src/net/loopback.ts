import { systemClock } from "./clock.ts";
import { NetError } from "./error.ts";
import type { TlsEnd } from "./tls.ts";

/** Where the program connects to itself. */
export const LOOPBACK = "127.0.0.1";

/** A connection that is waited for has to be there after so long, and who comes unasked is sent away (ms). */
const MEET_MS = 2_000;

/** So many may come before it is known who they are. */
const MAX_UNKNOWN = 256;

/** Both ends of connections that a program makes to itself, found by the port they come from; others are refused. */
export class Meeting<S extends Pick<TlsEnd, "close">> {
  readonly #came = new Map<number, S>();
  readonly #expected = new Map<number, (socket: S) => void>();

  /** A connection from that port of loopback was accepted. */
  came(port: number, socket: S): void {
    const expected = this.#expected.get(port);
    if (expected) return expected(socket);
    this.#came.get(port)?.close();
    if (this.#came.size >= MAX_UNKNOWN) return socket.close();
    this.#came.set(port, socket);
    systemClock.after(MEET_MS, () => {
      if (this.#came.get(port) !== socket) return;
      this.#came.delete(port);
      socket.close();
    });
  }

  /** What is accepted of the connection that was made from that port. Rejects with NetError. */
  async from(port: number): Promise<S> {
    const came = this.#came.get(port);
    this.#came.delete(port);
    if (came) return came;
    let cancel = () => {};
    try {
      return await new Promise<S>((resolve, reject) => {
        this.#expected.set(port, resolve);
        cancel = systemClock.after(
          MEET_MS,
          () => reject(new NetError("timed-out", "Cannot meet on loopback: too late")),
        );
      });
    } finally {
      cancel();
      this.#expected.delete(port);
    }
  }
}
