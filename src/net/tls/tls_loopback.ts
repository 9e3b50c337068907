import { type Asker, type EndTurn, FairQueue } from "../../turns/fair_queue.ts";
import { systemClock } from "../clock.ts";
import { Cut } from "../cut.ts";
import { NetError } from "../error.ts";
import { DescriptorReserve } from "../kernel/host/descriptor_reserve.ts";
import { hungUp, type TlsEnd } from "./tls.ts";

/** The loopback address at which the program connects to itself. */
export const LOOPBACK = "127.0.0.1";

/** Time until an expected connection must exist, and an unexpected one is closed (ms). */
const MEET_MS = 2_000;

/** Maximum unidentified connections, more than a listener's queue holds; beyond it the first is closed. */
const MAX_UNKNOWN = 1_024;

/** Maximum concurrent dials: fewer than a listener's queue holds. The wait queue is bounded by the number of sessions. */
const AT_ONCE = { all: 32, client: 16, user: 16 }, WAITING = { all: 20_000, client: 20_000, user: 20_000 };

/** Descriptors of a connection to itself. */
const ENDS = 2;

let reserve: DescriptorReserve | undefined;

/** For all connections of the program to itself. */
const turns = new FairQueue("speak TLS", AT_ONCE, WAITING);

/** One connection of the program to itself. */
export interface Met<D, S> {
  readonly dialled: Promise<D>;
  readonly accepted: Promise<S>;
  /** Cancels it; no effect once it is made. */
  callOff(): void;
}

/** Matches both ends of connections of a program to itself, by source port; others are refused. */
export class Meeting<S extends Pick<TlsEnd, "close">> {
  /** With the last dial that had begun then. */
  readonly #came = new Map<number, { readonly socket: S; readonly lastDial: number }>();
  readonly #expected = new Map<number, (socket: S) => void>();
  /** Under way, by number, in the order they began. */
  readonly #dials = new Set<number>();
  #lastDial = 0;

  /** A connection from that port of loopback was accepted. */
  came(port: number, socket: S): void {
    const expected = this.#expected.get(port);
    if (expected) return expected(socket);
    this.#refuse(port);
    if (this.#dials.size === 0) return socket.close(); // a stranger's
    if (this.#came.size >= MAX_UNKNOWN) this.#refuse(this.#came.keys().next().value!);
    this.#came.set(port, { socket, lastDial: this.#lastDial });
    systemClock.after(MEET_MS, () => {
      if (this.#came.get(port)?.socket === socket) this.#refuse(port);
    });
  }

  /**
   * The connection made by `dial`, and its accepted end, in the asker's turn. Both reject with NetError: "busy", "closed"
   * if cancelled, and if it would take the last descriptors: without any, Bun's accept loop spins
   * (oven-sh/bun#32705), and Deno's HTTP server ends the program.
   */
  meet<D extends { readonly localAddr: { readonly port: number } }>(
    asker: Asker,
    dial: () => Promise<D>,
  ): Met<D, S> {
    const off = new Cut();
    let endTurn: EndTurn = () => {};
    const dialled = turns.turn(asker, off).then((end) => {
      endTurn = end;
      (reserve ??= new DescriptorReserve()).check("speak TLS", ENDS * turns.underWay);
      return this.#dial(dial);
    });
    const accepted = dialled.then((end) => this.#from(end.localAddr.port)).finally(() => endTurn());
    const told = <T>(promise: Promise<T>) => promise.catch((error) => Promise.reject(off.made ? hungUp() : error));
    const met = { dialled: told(dialled), accepted: told(accepted), callOff: () => off.make() };
    for (const end of [met.dialled, met.accepted]) end.catch(() => {});
    return met;
  }

  async #dial<D>(dial: () => Promise<D>): Promise<D> {
    const number = ++this.#lastDial;
    this.#dials.add(number);
    try {
      return await dial();
    } finally {
      // After the waiting call has registered what it expects.
      systemClock.after(0, () => this.#dialEnded(number));
    }
  }

  /** Connections older than all pending dials belong to none of them. */
  #dialEnded(number: number): void {
    this.#dials.delete(number);
    const [first = Infinity] = this.#dials;
    for (const [port, { lastDial }] of this.#came) {
      if (lastDial >= first) break;
      this.#refuse(port);
    }
  }

  async #from(port: number): Promise<S> {
    const came = this.#came.get(port);
    this.#came.delete(port);
    if (came) return came.socket;
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
    this.#came.get(port)?.socket.close();
    this.#came.delete(port);
  }
}
