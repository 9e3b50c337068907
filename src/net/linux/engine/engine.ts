import type { DescriptorOwners } from "./descriptor_owners.ts";
import { DescriptorReserve } from "../../kernel/host/descriptor_reserve.ts";
import { EFD_CLOEXEC, EFD_NONBLOCK, EPOLLIN } from "../../kernel/libc/abi.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import { kernelFeatures } from "../../kernel/features.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { PipePool } from "./pipes.ts";
import { plainCalls } from "../../kernel/plain_calls.ts";
import { Poller } from "./poller.ts";
import { Timers } from "./timers.ts";
import { UdpArenas } from "./udp_arena.ts";
import { UdpSender } from "./udp_sender.ts";

/** Socket options for all sockets. */
export interface SocketOptions {
  /** SO_MARK of outgoing connections, for policy routing; needs CAP_NET_ADMIN. */
  readonly mark?: number;
  /** SO_BINDTODEVICE: the interface of outgoing connections. */
  readonly device?: string;
  /** IP_FREEBIND: listen on addresses that are not there yet. */
  readonly freeBind?: boolean;
  /** TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged (ms). */
  readonly userTimeoutMs?: number;
}

export interface EngineOptions {
  readonly sockets?: SocketOptions;
  /** Notes every descriptor that is opened and closed. */
  readonly owners?: DescriptorOwners;
  /** Called for unexpected errors; the engine continues. */
  readonly fault: (error: unknown) => void;
  /** Busy polling time after an event (ms): waking up takes longer than a look. */
  readonly busyPollMs?: number | undefined;
}

/** Long work, which may be interrupted after each step. */
export interface Long {
  /** Does one step; returns true if there are more. */
  step(): boolean;
}

/** Consecutive steps of the same work, if there are several: alternating after each step, four downloads cost half as much again. */
const MAX_STEPS = 8;

/** Received bytes stay here until they are copied or sent on, always before the next receive. */
const SCRATCH_SIZE = 256 << 10;

/**
 * Time in which most servers answer something short (ms). Waiting for it nearly halves a round trip beside 64 downloads, which
 * would wait for a step twice, and costs these 4 % of their CPU time while there are such round trips.
 */
const ANSWER_MS = 0.05;

/** The kernel's side of one thread: epoll, timers, and what its sockets share. */
export class Engine {
  /** Refused features are replaced by other calls. */
  readonly libc: Libc;
  readonly poller: Poller;
  readonly timers: Timers;
  readonly pipes: PipePool;
  readonly arenas: UdpArenas;
  readonly options: SocketOptions;
  /** Health checks and the runtime need descriptors when clients have taken all others. */
  readonly reserve = new DescriptorReserve();
  readonly scratch = new Uint8Array(SCRATCH_SIZE);
  /** Time at which the current events were fetched (ms of the clock), used as the time during their turn, since reading the clock takes 30 to 100 ns. */
  turnAt = look();
  /** True if a relay has passed on something short since the last step of long work. */
  passedShort = false;
  /** Total time of waiting. */
  waitedMs = 0;
  readonly #busyPollMs: number;
  readonly #owners: DescriptorOwners | undefined;
  readonly #fault: (error: unknown) => void;
  readonly #segments: boolean;
  #sender: UdpSender | undefined;
  #later: (() => void)[] = [];
  /** Long work, in turn. */
  readonly #long: Long[] = [];
  /** Steps that the first of them has done in its turn. */
  #steps = 0;

  /** Throws NetError. */
  constructor(libc: Libc, { sockets = {}, owners, fault, busyPollMs = 0 }: EngineOptions) {
    this.#busyPollMs = busyPollMs;
    const features = kernelFeatures(libc);
    this.libc = libc = plainCalls(libc, features);
    this.#segments = features.segmentation;
    this.options = sockets;
    this.#owners = owners;
    this.#fault = fault;
    this.timers = new Timers(fault, () => this.turnAt);
    this.poller = new Poller(libc, fault);
    owners?.add(this.poller.fd);
    this.pipes = new PipePool(this);
    this.arenas = new UdpArenas(libc);
  }

  /** Made on the first UDP send. */
  get sender(): UdpSender {
    return this.#sender ??= new UdpSender(this.libc, this.#segments);
  }

  /** Registers a descriptor that was just opened; release it with close(). */
  own(fd: number): number {
    this.#owners?.add(fd);
    return fd;
  }

  close(fd: number): void {
    this.poller.unwatch(fd);
    this.#owners?.remove(fd);
    this.libc.close(fd);
  }

  /** Calls `then` in the next turn, which then does not wait. */
  later(then: () => void): void {
    this.#later.push(then);
  }

  /** Runs `long` one step at a time, with short work in between. */
  atLeisure(long: Long): void {
    this.#long.push(long);
  }

  /** An eventfd(2): another thread that writes to it ends a wait and has `woken` called. Throws NetError. */
  wakeFd(woken: () => void): number {
    const fd = this.libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw errnoError(this.libc.errno(), "make", "an eventfd");
    const count = new Uint8Array(8);
    this.own(fd);
    this.poller.watch(fd, {
      ready: () => {
        this.libc.read(fd, count, 8);
        woken();
      },
    }, EPOLLIN);
    return fd;
  }

  /** Waits for at most `maxWaitMs` (-1: without end) and does what there is to do. Promises it settles are left to the caller. */
  turn(maxWaitMs: number): void {
    this.turnAt = look();
    const hasWork = this.#later.length > 0 || this.#long.length > 0;
    const timeoutMs = hasWork ? 0 : sooner(this.timers.waitMs(), maxWaitMs);
    if (timeoutMs === 0 || !this.#busyPoll()) this.#poll(timeoutMs);
    this.timers.expire();
    const later = this.#later;
    if (later.length > 0) {
      this.#later = [];
      for (const then of later) {
        try {
          then();
        } catch (error) {
          this.#fault(error);
        }
      }
    }
    const long = this.#long[0];
    if (!long) return;
    if (this.passedShort) this.#awaitAnswer();
    this.#step(long);
  }

  /** Lets the answer to something short go before a step of bulk. */
  #awaitAnswer(): void {
    const until = this.turnAt + ANSWER_MS;
    this.passedShort = false;
    do this.#poll(0); while (!this.passedShort && this.turnAt < until);
    this.passedShort = false;
  }

  #step(long: Long): void {
    let more = false;
    try {
      more = long.step();
    } catch (error) {
      this.#fault(error);
    }
    if (more && ++this.#steps < MAX_STEPS) return;
    this.#steps = 0;
    this.#long.shift();
    if (more) this.#long.push(long);
  }

  /** Returns true if there were events. */
  #poll(timeoutMs: number): boolean {
    const since = this.turnAt;
    const count = this.poller.fetch(timeoutMs);
    this.turnAt = look();
    if (timeoutMs !== 0) this.waitedMs += this.turnAt - since;
    this.poller.tell(count);
    return count > 0;
  }

  /** Polls for a while after the last turn; returns true if there were events. */
  #busyPoll(): boolean {
    if (this.#busyPollMs === 0) return false;
    const until = this.turnAt + this.#busyPollMs;
    do if (this.#poll(0)) return true; while (this.turnAt < until && this.timers.waitMs() !== 0);
    return false;
  }

  /** Releases the engine's own resources. */
  dispose(): void {
    this.pipes.drain();
    this.#owners?.remove(this.poller.fd);
    this.poller.close();
  }
}

/** Threads start at different times, but their clocks agree. */
const origin = performance.timeOrigin;

function look(): number {
  return origin + performance.now();
}

function sooner(a: number, b: number): number {
  return a < 0 ? b : b < 0 ? a : Math.min(a, b);
}
