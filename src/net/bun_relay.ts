import type { BunSocket, Flow } from "./bun_socket.ts";
import { systemClock } from "./clock.ts";
import { watchIdle } from "./relay.ts";
import type { ByteCounts, RelayEnd, RelayOptions, Throttle } from "./socket.ts";

/** Relays from callback to write, with no promise and no copy for a chunk. */
export function bunRelay(client: BunSocket, destination: BunSocket, options: RelayOptions): Promise<RelayEnd> {
  return new Promise((resolve) => new Relay(client, destination, options, resolve));
}

class Relay {
  readonly #sockets: readonly [BunSocket, BunSocket];
  readonly #resolve: (end: RelayEnd) => void;
  readonly #stopIdle: () => void;
  readonly #directions: readonly Direction[];
  readonly activity = { at: systemClock.now() };
  #over = false;

  constructor(client: BunSocket, destination: BunSocket, options: RelayOptions, resolve: (end: RelayEnd) => void) {
    this.#sockets = [client, destination];
    this.#resolve = resolve;
    this.#stopIdle = watchIdle(systemClock, options.idleMs, this.activity, this.#sockets, () => this.stop("idle"));
    const up = new Direction(this, client, destination, options, "up");
    const down = new Direction(this, destination, client, options, "down");
    this.#directions = [up, down];
    const finished = () => {
      if (up.finished && down.finished) this.stop("end");
    };
    if (options.early) up.push(options.early);
    client.divert(flow(this, up, down, finished));
    destination.divert(flow(this, down, up, finished));
  }

  stop(end: RelayEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopIdle();
    for (const direction of this.#directions) direction.release();
    for (const socket of this.#sockets) end === "reset" ? socket.reset() : socket.close();
    this.#resolve(end);
  }
}

/** The events of one socket: what it reads feeds `out`, what it can write again lets `into` go on. */
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
  /** What the receiver has not taken yet; while there is any the sender is paused. */
  #held: Uint8Array[] = [];
  #ended = false;
  /** Calls off the end of a rest; undefined where nothing rests. */
  #wake: (() => void) | undefined;
  readonly #throttle: Throttle | undefined;
  finished = false;

  constructor(
    relay: Relay,
    from: BunSocket,
    to: BunSocket,
    { counts, throttle }: RelayOptions,
    key: keyof ByteCounts,
  ) {
    this.#throttle = throttle;
    this.#relay = relay;
    this.#from = from;
    this.#to = to;
    this.#counts = counts;
    this.#key = key;
  }

  push(chunk: Uint8Array): void {
    this.#relay.activity.at = systemClock.now();
    if (this.#held.length > 0) {
      this.#held.push(chunk); // what Bun had read before it was paused
      return;
    }
    if (this.#throttle) this.#restAfter(chunk.length, this.#throttle);
    const taken = this.#write(chunk);
    if (taken === chunk.length) return;
    this.#held.push(chunk.subarray(taken));
    this.#from.tcp.pause();
  }

  /** The receiver has room again. */
  flush(): void {
    if (this.#held.length === 0) return;
    this.#relay.activity.at = systemClock.now();
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
    else if (!this.#wake) this.#from.tcp.resume();
  }

  /** Leaves no timer behind. */
  release(): void {
    this.#wake?.();
  }

  /** The sender has said all. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#held.length === 0) this.#finish();
  }

  /** The receiver is gone. */
  abandon(): void {
    this.#ended = true;
    this.#held = [];
    this.finished = true;
  }

  /** What Bun has read already comes all the same, and prolongs the rest. */
  #restAfter(size: number, throttle: Throttle): void {
    const restMs = throttle.take(this.#key, size);
    if (restMs === 0) return;
    this.#wake?.();
    this.#from.tcp.pause();
    this.#wake = systemClock.after(restMs, () => {
      this.#wake = undefined;
      this.#relay.activity.at = systemClock.now();
      if (this.#held.length === 0) this.#from.tcp.resume();
    });
  }

  #finish(): void {
    this.finished = true;
    void this.#to.closeWrite();
  }

  #write(chunk: Uint8Array): number {
    const taken = Math.max(0, this.#to.tcp.write(chunk)); // -1 once closed: onClose follows
    this.#counts[this.#key] += taken;
    return taken;
  }
}
