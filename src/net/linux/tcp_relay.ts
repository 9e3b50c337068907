import { NetError } from "../error.ts";
import { IdleWatch, type Watched } from "../relay.ts";
import type { ByteCounts, Preface, RelayEnd, RelayOptions, Throttle } from "../socket.ts";
import { EPOLLERR, EPOLLOUT, SPLICE_F_MOVE, SPLICE_F_NONBLOCK } from "../kernel/libc/abi.ts";
import type { Engine, Long } from "./engine/engine.ts";
import { EAGAIN, refusals } from "../kernel/libc/errno.ts";
import type { Pipe } from "./engine/pipes.ts";
import type { Watcher } from "./engine/poller.ts";
import { pendingError } from "../kernel/sockets/kernel_probe.ts";
import type { LinuxSocket } from "./tcp_socket.ts";
import type { SealedSocket } from "./tls/sealed_socket.ts";

/** A read of this size is bulk; after this many in a row the kernel moves the bytes, until a step moves less than the floor. */
const BULK_SIZE = 32 << 10, BULK_READS = 2, BULK_FLOOR = 16 << 10;

/** Octets beyond which a stalled receiver's data stay in a pipe, in kernel memory: there may be thousands of receivers. */
const HELD_SIZE = 16 << 10;

/** Short reads passed on before others get their turn; one for bulk. */
const MAX_ROUNDS = 8;

/** Sockets that it can relay. */
export type Relayed = LinuxSocket | SealedSocket;

/** Relays by epoll: small transfers through one shared buffer, large ones by splice(2), which copies nothing. */
export function linuxRelay(
  engine: Engine,
  client: Relayed,
  destination: Relayed,
  options: RelayOptions,
): Promise<RelayEnd> {
  return new Promise((resolve) => new Relay(engine, client, destination, options, resolve));
}

/** There may be thousands of idle relays: an idle one is a few objects without closures, 0.8 kB less than with them. */
class Relay implements Watched {
  readonly engine: Engine;
  activeAt: number;
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #resolve: (end: RelayEnd) => void;
  readonly #watch: IdleWatch;
  #over = false;

  constructor(
    engine: Engine,
    client: Relayed,
    destination: Relayed,
    { idleMs, counts, early, ahead, preface, throttle }: RelayOptions,
    resolve: (end: RelayEnd) => void,
  ) {
    this.engine = engine;
    this.activeAt = engine.timers.now();
    this.#resolve = resolve;
    const up = this.#up = new Direction(this, client, destination, counts, "up", throttle, early, preface?.up);
    const down = this.#down = new Direction(this, destination, client, counts, "down", throttle, ahead, preface?.down);
    this.#watch = new IdleWatch(engine.timers, idleMs, this);
    client.divert(up);
    destination.divert(down);
    this.pump(up);
    this.pump(down);
  }

  get sockets(): readonly [Relayed, Relayed] {
    return [this.#up.from, this.#down.from];
  }

  /** Both have finished, so closing is enough. */
  get finished(): boolean {
    return this.#up.finished && this.#down.finished;
  }

  idle(): void {
    this.stop("idle");
  }

  pump(direction: Direction, atLeisure = false): void {
    if (this.#over) return;
    try {
      direction.pump(atLeisure);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.finished) this.stop("end");
  }

  stop(end: RelayEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch.stop();
    for (const direction of [this.#up, this.#down]) direction.release();
    const failed = end === "reset" || end === "error";
    for (const socket of this.sockets) failed ? socket.reset() : socket.close();
    this.#resolve(end);
  }

  /** Event of the socket that `out` reads from, for both directions. */
  ready(out: Direction, events: number): void {
    if (this.#over) return;
    const socket = out.from, into = out === this.#up ? this.#down : this.#up;
    if (socket.closed) return this.stop("end"); // from outside
    if (events & EPOLLERR) return this.#fail(socket.failed(pendingError(this.engine.libc, socket.fd), "relay from"));
    this.pump(out);
    if (events & EPOLLOUT) this.pump(into.writable());
  }

  #fail(error: unknown): void {
    this.stop(error instanceof NetError && error.kind === "reset" ? "reset" : "error");
  }
}

/** Bytes from one socket to the other. At most one of `#held` and `#pipe` holds something. */
class Direction implements Long, Watcher {
  readonly #relay: Relay;
  readonly from: Relayed;
  readonly #to: Relayed;
  readonly #counts: ByteCounts;
  readonly #key: keyof ByteCounts;
  /** Octets that the receiver has not taken yet: while there are any, nothing more is read. */
  #held: Uint8Array<ArrayBuffer> | undefined;
  #pipe: Pipe | undefined;
  #piped = 0;
  #blocked = false;
  #bulkReads = 0;
  /** True if the kernel can move bytes between these two. */
  #splices: boolean;
  #ended = false;
  #queued = false;
  /** True if a step left octets. */
  #hasMore = false;
  readonly #throttle: Throttle | undefined;
  /** Undefined once all changes are done. */
  #preface: Preface | undefined;
  /** Cancels the end of a pause; undefined without one. */
  #wake: (() => void) | undefined;
  finished = false;

  constructor(
    relay: Relay,
    from: Relayed,
    to: Relayed,
    counts: ByteCounts,
    key: keyof ByteCounts,
    throttle: Throttle | undefined,
    early?: Uint8Array,
    preface?: Preface,
  ) {
    this.#preface = preface;
    this.#throttle = throttle;
    this.#relay = relay;
    this.from = from;
    this.#to = to;
    this.#splices = from.spliceable && to.spliceable;
    this.#counts = counts;
    this.#key = key;
    this.#hold(early && preface ? preface.take(early) : early as Uint8Array<ArrayBuffer> | undefined);
    if (preface?.done) this.#preface = undefined;
  }

  ready(events: number): void {
    this.#relay.ready(this, events);
  }

  /** The receiver has room again. */
  writable(): this {
    this.#blocked = false;
    return this;
  }

  /**
   * Moves octets until one side blocks, or others get their turn; bulk is moved `atLeisure` only, one
   * step at a time. Throws NetError.
   */
  pump(atLeisure: boolean): void {
    for (let round = 0; !this.finished; round++) {
      if (this.#isBulk && !atLeisure) return this.#blocked ? undefined : this.#goOnLater();
      if (!this.#deliver()) return;
      if (this.#ended) {
        this.finished = true;
        if (!this.#relay.finished && !this.#preface?.holdsEnd) this.#to.shutDown();
      } else {
        if (this.#wake || !this.from.readable) return;
        if (round >= (this.#isBulk ? 1 : MAX_ROUNDS)) return this.#goOnLater();
        if (!(this.#isForKernel ? this.#splice() : this.#copy())) return;
      }
    }
  }

  step(): boolean {
    this.#hasMore = false;
    this.#relay.pump(this, true);
    return this.#queued = this.#hasMore;
  }

  /** Returns the pipe, with its content. */
  release(): void {
    this.finished = true;
    this.#held = undefined;
    this.#wake?.();
    if (this.#pipe) this.#relay.engine.pipes.discard(this.#pipe);
    this.#pipe = undefined;
  }

  get #isBulk(): boolean {
    return this.#bulkReads >= BULK_READS;
  }

  /** True if the kernel is to move the next octets. */
  get #isForKernel(): boolean {
    return this.#splices && this.#isBulk && (this.#preface === undefined || (this.#preface.room ?? 0) >= BULK_FLOOR);
  }

  /** Sends the held octets; false if the receiver has no room. */
  #deliver(): boolean {
    if (this.#held) {
      if (this.#blocked) return false;
      const sent = this.#send(this.#held, this.#held.length);
      this.#held = sent === this.#held.length ? undefined : this.#held.subarray(sent);
      return this.#held === undefined;
    }
    const pipe = this.#pipe;
    if (!pipe) return true;
    const { libc, pipes } = this.#relay.engine;
    while (this.#piped > 0) {
      if (this.#blocked) return false;
      const moved = libc.splice(pipe.readEnd, null, this.#to.fd, null, this.#piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
      if (moved <= 0) {
        const errno = moved < 0 ? libc.errno() : 0;
        if (errno === 0 || refusals.has(errno)) return this.#takeOut(pipe);
        if (errno !== EAGAIN) throw this.#to.failed(errno, "write to");
        this.#blocked = true;
        this.#to.watchWriting();
        return false;
      }
      this.#piped -= moved;
      this.#moved(moved);
    }
    pipes.giveBack(pipe);
    this.#pipe = undefined;
    return true;
  }

  /** Reads into the shared buffer and sends from it; false if there was nothing to read. Throws NetError. */
  #copy(): boolean {
    const { scratch } = this.#relay.engine;
    const size = this.from.take(scratch, Math.min(scratch.length, this.#to.portion));
    if (size <= 0) return size === 0 && this.#end();
    this.#restAfter(size);
    if (size >= BULK_SIZE) this.#bulkReads++;
    else {
      this.#bulkReads = 0;
      this.#relay.engine.passedShort = true;
    }
    if (this.#preface) return this.#change(this.#preface, size);
    const sent = this.#blocked ? 0 : this.#send(scratch, size);
    if (sent < size) this.#keep(scratch.subarray(sent, size));
    return true;
  }

  /** Keeps a copy of the octets that the receiver has no room for. */
  #keep(rest: Uint8Array<ArrayBuffer>): void {
    const { libc, pipes } = this.#relay.engine;
    const pipe = rest.length > HELD_SIZE && this.#to.spliceable ? pipes.take() : undefined;
    if (!pipe) return this.#hold(rest.slice());
    if (pipe.size >= rest.length && libc.write(pipe.writeEnd, rest, rest.length) === rest.length) {
      this.#pipe = pipe;
      this.#piped = rest.length;
    } else {
      pipes.discard(pipe); // which may have some of it
      this.#hold(rest.slice());
    }
  }

  /** Sends the changed form of the octets read. */
  #change(preface: Preface, size: number): true {
    this.#hold(preface.take(this.#relay.engine.scratch.subarray(0, size)));
    if (preface.done) this.#preface = undefined;
    return true;
  }

  #hold(bytes: Uint8Array<ArrayBuffer> | undefined): void {
    this.#held = bytes && bytes.length > 0 ? bytes : undefined;
  }

  /** Sends the pipe's content from memory if the kernel will not move it; false if the receiver has no room. */
  #takeOut(pipe: Pipe): boolean {
    const { libc, pipes } = this.#relay.engine;
    this.#splices = false;
    this.#held = new Uint8Array(this.#piped);
    libc.read(pipe.readEnd, this.#held, this.#piped);
    this.#piped = 0;
    this.#pipe = undefined;
    pipes.giveBack(pipe);
    return this.#deliver();
  }

  /** Reads into a pipe; false if there was nothing to read. Throws NetError. */
  #splice(): boolean {
    const { libc, pipes } = this.#relay.engine;
    const pipe = pipes.take();
    if (!pipe) return this.#copy();
    const flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    const wanted = Math.min(pipe.size, this.#preface?.room ?? pipe.size);
    const size = libc.splice(this.from.fd, null, pipe.writeEnd, null, wanted, flags);
    if (size <= 0) {
      const errno = size < 0 ? libc.errno() : 0;
      pipes.giveBack(pipe);
      // splice(2) stops before urgent bytes, and reports an end if the peer has finished behind them.
      if (errno === 0 || (errno === EAGAIN && (this.from as LinuxSocket).tellsLittle)) return this.#copy();
      if (!refusals.has(errno)) {
        if (errno !== EAGAIN) throw this.from.failed(errno, "read from");
        return this.from.readable = false;
      }
      this.#splices = false;
      return this.#copy();
    }
    this.#preface?.passed?.(size);
    if (size < BULK_FLOOR) this.#bulkReads = 0;
    this.#restAfter(size);
    this.#pipe = pipe;
    this.#piped = size;
    return true;
  }

  /** All has been read. */
  #end(): true {
    this.#hold(this.#preface?.end());
    return this.#ended = true;
  }

  #send(bytes: Uint8Array<ArrayBuffer>, size: number): number {
    const sent = this.#to.send(bytes, size);
    this.#blocked = sent < size;
    if (sent > 0) this.#moved(sent);
    return sent;
  }

  #moved(size: number): void {
    this.#counts[this.#key] += size;
    this.#relay.activeAt = this.#relay.engine.turnAt;
  }

  #restAfter(size: number): void {
    const restMs = this.#throttle?.take(this.#key, size) ?? 0;
    if (restMs === 0) return;
    const { timers } = this.#relay.engine;
    this.#wake = timers.after(restMs, () => {
      this.#wake = undefined;
      this.#relay.activeAt = timers.now();
      this.#relay.pump(this);
    });
  }

  #goOnLater(): void {
    this.#hasMore = true;
    if (this.#queued) return;
    this.#queued = true;
    const { engine } = this.#relay;
    if (this.#isBulk) return engine.atLeisure(this);
    engine.later(() => {
      this.#queued = false;
      this.#relay.pump(this);
    });
  }
}
