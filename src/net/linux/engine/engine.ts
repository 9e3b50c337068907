import type { DescriptorOwners } from "./descriptor_owners.ts";
import { DescriptorReserve } from "../../kernel/descriptor_reserve.ts";
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

/** What a router's administrator may want of every socket. */
export interface SocketOptions {
  /** SO_MARK, for policy routing of what the gateway dials; needs CAP_NET_ADMIN. */
  readonly mark?: number;
  /** SO_BINDTODEVICE: the interface that what the gateway dials leaves by. */
  readonly device?: string;
  /** IP_FREEBIND: listen on addresses that are not there yet. */
  readonly freeBind?: boolean;
  /** TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged (ms). */
  readonly userTimeoutMs?: number;
}

export interface EngineOptions {
  readonly sockets?: SocketOptions;
  /** Told of every descriptor that is opened and closed. */
  readonly owners?: DescriptorOwners;
  /** What nobody foresaw; the engine goes on. */
  readonly fault: (error: unknown) => void;
  /** After something has happened, how long to look for more before sleeping (ms): waking up takes longer than a look. */
  readonly busyPollMs?: number | undefined;
}

/** What takes its time, and may be put off after each step of it. */
export interface Long {
  /** Does one; whether there are more. */
  step(): boolean;
}

/** So many steps of the same come one after the other where there are several: where each is of another, four downloads cost half as much again. */
const MAX_STEPS = 8;

/** Received bytes stay here until they are copied or sent on, which is before anything else is received. */
const SCRATCH_SIZE = 256 << 10;

/** The kernel's side of one thread: epoll, timers, and what its sockets share. */
export class Engine {
  /** What it refuses is done by other calls. */
  readonly libc: Libc;
  readonly poller: Poller;
  readonly timers: Timers;
  readonly pipes: PipePool;
  readonly arenas: UdpArenas;
  readonly options: SocketOptions;
  /** Who asks how the program is, and the runtime itself, need descriptors when clients have taken all others. */
  readonly reserve = new DescriptorReserve();
  readonly scratch = new Uint8Array(SCRATCH_SIZE);
  /** When the events at hand were fetched (ms of the clock): to whoever asks in their turn it is that time, since a look takes 30 to 100 ns. */
  turnAt = look();
  /** How long it has waited, in all. */
  waitedMs = 0;
  readonly #busyPollMs: number;
  readonly #owners: DescriptorOwners | undefined;
  readonly #fault: (error: unknown) => void;
  readonly #segments: boolean;
  #sender: UdpSender | undefined;
  #later: (() => void)[] = [];
  /** What takes its time, in turn. */
  readonly #long: Long[] = [];
  /** How long the first of them has had its turn. */
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

  /** Made when there is UDP to send. */
  get sender(): UdpSender {
    return this.#sender ??= new UdpSender(this.libc, this.#segments);
  }

  /** Takes a descriptor that was just opened; whoever takes it gives it to close(). */
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

  /** Has `long` go on a step at a time, with a look in between for what is short. */
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
    if (long) this.#step(long);
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

  /** Whether something came. */
  #poll(timeoutMs: number): boolean {
    const since = this.turnAt;
    const count = this.poller.fetch(timeoutMs);
    this.turnAt = look();
    if (timeoutMs !== 0) this.waitedMs += this.turnAt - since;
    this.poller.tell(count);
    return count > 0;
  }

  /** Looks again and again for a while after the last turn; whether something came. */
  #busyPoll(): boolean {
    if (this.#busyPollMs === 0) return false;
    const until = this.turnAt + this.#busyPollMs;
    do if (this.#poll(0)) return true; while (this.turnAt < until && this.timers.waitMs() !== 0);
    return false;
  }

  /** Gives back what the engine itself holds. */
  dispose(): void {
    this.pipes.drain();
    this.#owners?.remove(this.poller.fd);
    this.poller.close();
  }
}

/** Threads begin at different times; their clocks agree. */
const origin = performance.timeOrigin;

function look(): number {
  return origin + performance.now();
}

function sooner(a: number, b: number): number {
  return a < 0 ? b : b < 0 ? a : Math.min(a, b);
}
