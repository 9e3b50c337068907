import { systemClock } from "./clock.ts";
import { NetError } from "./error.ts";
import { DescriptorReserve } from "./linux/descriptor_reserve.ts";
import type { TlsEnd } from "./tls.ts";

/** Where the program connects to itself. */
export const LOOPBACK = "127.0.0.1";

/** A connection that is waited for has to be there after so long, and who comes unasked is sent away (ms). */
const MEET_MS = 2_000;

/** So many may have come before it is known who they are; of more the first has to go. */
const MAX_UNKNOWN = 256;

/** So many connections are made at a time, fewer than may be unknown, and than a listener's queue holds; the others wait. */
const MAX_AT_ONCE = 32;

/** Descriptors of a connection to itself. */
const ENDS = 2;

let reserve: DescriptorReserve | undefined;
let underWay = 0;
const waiting: (() => void)[] = [];

/** Both ends of connections that a program makes to itself, found by the port they come from; others are refused. */
export class Meeting<S extends Pick<TlsEnd, "close">> {
  readonly #came = new Map<number, S>();
  readonly #expected = new Map<number, (socket: S) => void>();

  /** A connection from that port of loopback was accepted. */
  came(port: number, socket: S): void {
    const expected = this.#expected.get(port);
    if (expected) return expected(socket);
    this.#refuse(port);
    if (this.#came.size >= MAX_UNKNOWN) this.#refuse(this.#came.keys().next().value!);
    this.#came.set(port, socket);
    systemClock.after(MEET_MS, () => {
      if (this.#came.get(port) === socket) this.#refuse(port);
    });
  }

  /**
   * The connection that `dial` makes, and what is accepted of it. Both reject with NetError where it would take the last
   * descriptors: without any, Bun's accept loop spins (oven-sh/bun#32705), and Deno's HTTP server ends the program.
   */
  meet<D extends { readonly localAddr: { readonly port: number } }>(dial: () => Promise<D>): [Promise<D>, Promise<S>] {
    const dialled = turnToDial().then(() => {
      (reserve ??= new DescriptorReserve()).check("speak TLS", ENDS * underWay);
      return dial();
    });
    const accepted = dialled.then(({ localAddr }) => this.#from(localAddr.port)).finally(nextTurn);
    accepted.catch(() => {});
    return [dialled, accepted];
  }

  async #from(port: number): Promise<S> {
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

  #refuse(port: number): void {
    this.#came.get(port)?.close();
    this.#came.delete(port);
  }
}

async function turnToDial(): Promise<void> {
  if (underWay === MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else underWay++;
}

/** One is made, or cannot be. */
function nextTurn(): void {
  const next = waiting.shift();
  if (next) next();
  else underWay--;
}
