import type { BunSocket, Flow } from "./bun_socket.ts";
import { setImmediate } from "node:timers";
import { systemClock } from "../clock.ts";
import { MSG_DONTWAIT } from "../kernel/libc/abi.ts";
import { EAGAIN } from "../kernel/libc/errno.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import { IdleWatch, type Watched } from "../relay.ts";
import type { ByteCounts, Preface, RelayEnd, RelayOptions, Throttle } from "../socket.ts";

/**
 * Bun reads up to half a MiB at once, and holds all of it for a receiver that stalls. After a chunk of this size the rest is
 * read from here, one piece at a time, up to this number of pieces in a row, so that others get their turn.
 */
const PIECE_SIZE = 64 << 10, PIECES = 16;

const piece = new Uint8Array(PIECE_SIZE);

/** Relays from callback to write, without a promise or a copy per chunk. `libc` if available. */
export function bunRelay(
  client: BunSocket,
  destination: BunSocket,
  options: RelayOptions,
  libc: Libc | undefined,
): Promise<RelayEnd> {
  return new Promise((resolve) => new Relay(client, destination, options, libc, resolve));
}

class Relay implements Watched {
  readonly sockets: readonly [BunSocket, BunSocket];
  readonly #resolve: (end: RelayEnd) => void;
  readonly #watch: IdleWatch;
  readonly #directions: readonly Direction[];
  activeAt = systemClock.now();
  #over = false;

  readonly libc: Libc | undefined;
  /** True once all earlier octets have been passed on. */
  begun = false;

  constructor(
    client: BunSocket,
    destination: BunSocket,
    options: RelayOptions,
    libc: Libc | undefined,
    resolve: (end: RelayEnd) => void,
  ) {
    this.libc = libc;
    this.sockets = [client, destination];
    this.#resolve = resolve;
    this.#watch = new IdleWatch(systemClock, options.idleMs, this);
    const up = new Direction(this, client, destination, options, "up");
    const down = new Direction(this, destination, client, options, "down");
    this.#directions = [up, down];
    const finished = () => {
      if (up.finished && down.finished) this.stop("end");
    };
    if (options.early) up.push(options.early);
    if (options.ahead) down.push(options.ahead);
    client.divert(flow(this, up, down, finished));
    destination.divert(flow(this, down, up, finished));
    this.begun = true;
  }

  get over(): boolean {
    return this.#over;
  }

  idle(): void {
    this.stop("idle");
  }

  stop(end: RelayEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch.stop();
    for (const direction of this.#directions) direction.release();
    for (const socket of this.sockets) end === "reset" ? socket.reset() : socket.close();
    this.#resolve(end);
  }
}

/** The events of one socket: its data feeds `out`, its room to write lets `into` continue. */
function flow(relay: Relay, out: Direction, into: Direction, finished: () => void): Flow {
  return {
    data: (chunk) => out.push(chunk),
    end: () => {
      out.end();
      finished();
    },
    drain: () => {
      into.flush();
      finished();
    },
    closed: (failed) => {
      if (failed) return relay.stop("reset");
      out.end(); // closed without an error: at both ends, or from outside
      into.abandon();
      finished();
    },
  };
}

/** Bytes from one socket to the other. */
class Direction {
  readonly #relay: Relay;
  readonly #from: BunSocket;
  readonly #to: BunSocket;
  readonly #counts: ByteCounts;
  readonly #key: keyof ByteCounts;
  /** Octets that the receiver has not taken yet; while there are any, the sender is paused. */
  #held: Uint8Array[] = [];
  #ended = false;
  #paused = false;
  /** Cancels the end of a pause; undefined without one. */
  #wake: (() => void) | undefined;
  readonly #throttle: Throttle | undefined;
  /** Undefined once all changes are done. */
  #preface: Preface | undefined;
  finished = false;

  constructor(
    relay: Relay,
    from: BunSocket,
    to: BunSocket,
    { counts, throttle, preface }: RelayOptions,
    key: keyof ByteCounts,
  ) {
    this.#preface = preface?.[key];
    this.#throttle = throttle;
    this.#relay = relay;
    this.#from = from;
    this.#to = to;
    this.#counts = counts;
    this.#key = key;
  }

  push(chunk: Uint8Array): void {
    this.#relay.activeAt = systemClock.now();
    const preface = this.#preface;
    if (!preface) return this.#give(chunk);
    const changed = preface.take(chunk);
    if (preface.done) this.#preface = undefined;
    this.#give(changed);
  }

  #give(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#held.length > 0) {
      this.#held.push(chunk); // what Bun had read before it was paused
      return;
    }
    if (this.#throttle) this.#restAfter(chunk.length, this.#throttle);
    const taken = this.#write(chunk);
    if (taken < chunk.length) {
      this.#held.push(chunk.slice(taken)); // not the whole buffer, which would stay in memory
      this.#pause();
    } else if (chunk.length >= PIECE_SIZE && this.#relay.begun && !this.#wake) this.#pull();
  }

  /** Reads until nothing is left for now, or the receiver has no room: then Bun reads again. */
  #pull(): void {
    const { libc } = this.#relay;
    if (!libc || this.#throttle || this.#preface) return this.#resume();
    for (let count = 0; count < PIECES; count++) {
      const size = libc.recv(this.#from.tcp.fd, piece, PIECE_SIZE, MSG_DONTWAIT);
      if (size < 0 && libc.errno() !== EAGAIN) return this.#relay.stop("reset"); // reported once, and Bun would see an end
      if (size <= 0) return this.#resume();
      this.#relay.activeAt = systemClock.now();
      const taken = this.#write(piece.subarray(0, size));
      if (taken === size) continue;
      this.#held.push(piece.slice(taken, size));
      return this.#pause();
    }
    this.#pause();
    setImmediate(() => {
      if (!this.#relay.over && this.#held.length === 0 && !this.#ended) this.#pull();
    });
  }

  #pause(): void {
    if (!this.#paused) this.#from.tcp.pause();
    this.#paused = true;
  }

  #resume(): void {
    if (this.#paused) this.#from.tcp.resume();
    this.#paused = false;
  }

  /** The receiver has room again. */
  flush(): void {
    if (this.#held.length === 0) return;
    this.#relay.activeAt = systemClock.now();
    while (this.#held.length > 0) {
      const chunk = this.#held[0]!;
      const taken = this.#write(chunk);
      if (taken < chunk.length) {
        this.#held[0] = chunk.subarray(taken);
        return;
      }
      this.#held.shift();
    }
    if (this.#ended) this.#finish();
    else if (!this.#wake) this.#pull();
  }

  /** Leaves no timer behind. */
  release(): void {
    this.#wake?.();
  }

  /** The sender has finished. */
  end(): void {
    if (this.#ended) return;
    if (this.#preface) this.#give(this.#preface.end());
    this.#ended = true;
    if (this.#held.length === 0) this.#finish();
  }

  /** The receiver has left. */
  abandon(): void {
    this.#ended = true;
    this.#held = [];
    this.finished = true;
  }

  /** Octets that Bun has read already still come, and prolong the pause. */
  #restAfter(size: number, throttle: Throttle): void {
    const restMs = throttle.take(this.#key, size);
    if (restMs === 0) return;
    this.#wake?.();
    this.#pause();
    this.#wake = systemClock.after(restMs, () => {
      this.#wake = undefined;
      this.#relay.activeAt = systemClock.now();
      if (this.#held.length === 0) this.#resume();
    });
  }

  #finish(): void {
    this.finished = true;
    if (!this.#preface?.holdsEnd) void this.#to.closeWrite();
  }

  #write(chunk: Uint8Array): number {
    const taken = Math.max(0, this.#to.tcp.write(chunk)); // -1 once closed: onClose follows
    this.#counts[this.#key] += taken;
    return taken;
  }
}
