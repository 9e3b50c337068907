import process from "node:process";
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from "../../kernel/libc/abi.ts";
import { EINTR, errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";

/** Receives the events of its descriptor. Any call may be spurious. */
export interface Watcher {
  ready(events: number): void;
}

const MAX_EVENTS = 256;

/** struct epoll_event is packed on x64 only (epoll_ctl(2)): events, then 64 bits of our own. */
const STRIDE = process.arch === "x64" ? 3 : 4;
const DATA = STRIDE - 2;

/** An epoll(7) instance and its watchers. */
export class Poller {
  readonly #libc: Libc;
  readonly #epoll: number;
  readonly #fault: (error: unknown) => void;
  readonly #events = new Int32Array(MAX_EVENTS * STRIDE);
  readonly #event = new Int32Array(STRIDE);
  /** By descriptor. */
  readonly #watchers: (Watcher | undefined)[] = [];
  /** Distinguishes the watchers of a descriptor number, which may have been reused since the event. */
  readonly #generations: number[] = [];
  #generation = 0;

  /** Errors of watchers go to `fault`. Throws NetError. */
  constructor(libc: Libc, fault: (error: unknown) => void) {
    this.#libc = libc;
    this.#fault = fault;
    this.#epoll = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw errnoError(libc.errno(), "make", "an epoll instance");
  }

  get fd(): number {
    return this.#epoll;
  }

  /** Throws NetError. End the watch with unwatch() before the descriptor is closed. */
  watch(fd: number, watcher: Watcher, events: number): void {
    this.#generations[fd] = this.#generation = (this.#generation + 1) | 0;
    this.#control(EPOLL_CTL_ADD, fd, events);
    this.#watchers[fd] = watcher;
  }

  /** Changes the events of `fd`; a current state is reported again. Throws NetError. */
  change(fd: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }

  /** Ends the watch of a descriptor with duplicates in this process, which closing it would not do. */
  forget(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
    this.unwatch(fd);
  }

  unwatch(fd: number): void {
    this.#watchers[fd] = undefined;
  }

  /** Waits for at most `timeoutMs` (-1: without end); returns the number of events for tell(). Throws NetError. */
  fetch(timeoutMs: number): number {
    const count = this.#libc.epoll_wait(this.#epoll, this.#events, MAX_EVENTS, timeoutMs);
    if (count >= 0) return count;
    const errno = this.#libc.errno();
    if (errno !== EINTR) throw errnoError(errno, "wait on", "epoll"); // a thread that cannot wait would spin
    return 0;
  }

  /** Passes the fetched events to the watchers. */
  tell(count: number): void {
    const events = this.#events;
    for (let i = 0; i < count; i++) {
      const at = i * STRIDE, fd = events[at + DATA]!;
      if (this.#generations[fd] !== events[at + DATA + 1]) continue;
      try {
        this.#watchers[fd]?.ready(events[at]!);
      } catch (error) {
        this.#fault(error);
      }
    }
  }

  close(): void {
    this.#libc.close(this.#epoll);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#event[0] = events;
    this.#event[DATA] = fd;
    this.#event[DATA + 1] = this.#generations[fd]!;
    if (this.#libc.epoll_ctl(this.#epoll, operation, fd, this.#event) < 0) {
      throw errnoError(this.#libc.errno(), "watch", `descriptor ${fd}`);
    }
  }
}
