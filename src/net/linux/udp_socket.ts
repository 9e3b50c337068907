import { noDescriptors } from "../kernel/host/descriptor_reserve.ts";
import { addressText } from "../../protocol/address.ts";
import type { Datagram, Exit, ListenOptions, SocketAddr, UdpSocket } from "../socket.ts";
import {
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  IPV6_V6ONLY,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  UDP_GRO,
} from "../kernel/libc/abi.ts";
import type { Engine } from "./engine/engine.ts";
import { EAGAIN, errnoError } from "../kernel/libc/errno.ts";
import type { Watcher } from "./engine/poller.ts";
import { nameOf } from "../kernel/sockets/kernel_probe.ts";
import { encodeSockaddr, family } from "../kernel/libc/sockaddr.ts";
import { setOption, setTransparent } from "../kernel/sockets/socket_option.ts";
import { setOutgoing } from "./tcp_dial.ts";
import { LastSource, type UdpArena } from "./engine/udp_arena.ts";

/** Socket buffer sizes for bursts. Beyond the system's limit only with CAP_NET_ADMIN. */
const BUFFER_SIZE = 1 << 20;

/** Consecutive errors that ICMP may cause; after more it pauses before the next receive (ms). */
const MAX_ERRORS = 64, REST_MS = 10;

const RECEIVING = EPOLLIN | EPOLLET;

/** Batches received in a row before others get their turn: a flood never ends. */
const MAX_BATCHES = 2;

export interface UdpOptions extends Pick<ListenOptions, "reusePort"> {
  /** Its only peer, for a socket that sends from the foreign address `addr` (IP_TRANSPARENT). */
  readonly peer?: SocketAddr;
}

/** A UDP socket with many datagrams to a call (recvmmsg(2), sendmmsg(2)), and joined ones where the kernel can (UDP_GRO). */
export class LinuxUdpSocket implements UdpSocket, Watcher {
  readonly addr: SocketAddr;
  readonly #engine: Engine;
  readonly #fd: number;
  readonly #six: boolean;
  /** True if errors of ICMP interrupt a receive, which may leave datagrams behind them: only with a single peer. */
  readonly #hasErrors: boolean;
  readonly #last: LastSource;
  /** The arena of the last receive()'s views. */
  #arena: UdpArena | undefined;
  #readable = false;
  #rests = false;
  #batches = 0;
  /** True if the receiver waits for the next turn. */
  #putOff = false;
  #receiver: ((batch: readonly Datagram[] | null) => void) | undefined;
  #whenWritable: (() => void)[] = [];
  #closed = false;

  /** Throws NetError. */
  constructor(engine: Engine, addr: SocketAddr, exit?: Exit, { reusePort, peer }: UdpOptions = {}) {
    const { libc } = engine;
    const fd = libc.socket(family(addr.host), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw errnoError(libc.errno(), "bind UDP", addressText(addr));
    if (engine.reserve.refuses(fd)) {
      libc.close(fd);
      throw noDescriptors(`bind UDP ${addressText(addr)}`);
    }
    this.#engine = engine;
    this.#last = new LastSource(engine.arenas.addrs);
    this.#fd = engine.own(fd);
    this.#six = addr.host.includes(":");
    this.#hasErrors = peer !== undefined;
    try {
      if (this.#six) setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, addr.host === "::" ? 0 : 1);
      for (const [force, plain] of [[SO_RCVBUFFORCE, SO_RCVBUF], [SO_SNDBUFFORCE, SO_SNDBUF]] as const) {
        if (!setOption(libc, fd, SOL_SOCKET, force, BUFFER_SIZE)) setOption(libc, fd, SOL_SOCKET, plain, BUFFER_SIZE);
      }
      setOption(libc, fd, IPPROTO_UDP, UDP_GRO, 1); // Linux 5.0
      if (reusePort || peer) setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1);
      if (peer) setTransparent(libc, fd, this.#six);
      const unset = setOutgoing(engine, fd, exit);
      if (unset) throw errnoError(unset, "bind UDP", addressText(addr));
      const name = encodeSockaddr(addr);
      if (libc.bind(fd, name, name.length) < 0) throw errnoError(libc.errno(), "bind UDP", addressText(addr));
      const theirs = peer && encodeSockaddr(peer);
      if (theirs && libc.connect(fd, theirs, theirs.length) < 0) {
        throw errnoError(libc.errno(), "bind UDP", addressText(addr));
      }
      this.addr = nameOf(libc.getsockname, fd)!;
      engine.poller.watch(fd, this, RECEIVING);
    } catch (error) {
      engine.close(fd);
      throw error;
    }
  }

  receive(): Promise<readonly Datagram[] | null> {
    if (this.#arena) this.#engine.arenas.giveBack(this.#arena);
    this.#arena = undefined;
    if (this.#closed) return Promise.resolve(null);
    if (this.#readable && this.#batches >= MAX_BATCHES) {
      this.#putOff = true;
      this.#engine.later(() => {
        this.#putOff = false;
        this.#goOn();
      });
    } else {
      const batch = this.#readable ? this.#receive() : undefined;
      if (batch) return Promise.resolve(batch);
    }
    return new Promise((resolve) => this.#receiver = resolve);
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    const progress = { next: 0, lost: 0 };
    while (!this.#closed && !this.#engine.sender.send(this.#fd, this.#six, batch, progress)) {
      await this.#writable();
    }
    return progress.lost + batch.length - progress.next;
  }

  /** The arena is left to the holder of its views. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#engine.close(this.#fd);
    if (this.#arena) this.#engine.arenas.leave();
    this.#arena = undefined;
    this.#receiver?.(null);
    this.#receiver = undefined;
    this.#wakeSenders();
  }

  ready(events: number): void {
    if (events & EPOLLOUT) this.#wakeSenders();
    if (!(events & EPOLLIN)) return;
    this.#readable = true;
    if (!this.#putOff) this.#goOn();
  }

  /** Lets the waiting receiver run in a turn of its own. */
  #goOn(): void {
    this.#batches = 0;
    if (this.#closed || !this.#readable) return;
    const receiver = this.#receiver;
    const batch = receiver && this.#receive();
    if (!batch) return;
    this.#receiver = undefined;
    receiver(batch);
  }

  #rest(): void {
    if (this.#rests) return;
    this.#rests = true;
    this.#engine.timers.after(REST_MS, () => {
      this.#rests = false;
      if (!this.#closed) this.ready(EPOLLIN);
    });
  }

  #receive(): readonly Datagram[] | undefined {
    this.#batches++;
    const { arenas, libc } = this.#engine;
    const arena = arenas.take();
    for (let errors = 0;; errors++) {
      const batch = arena.receive(this.#fd, this.#last);
      if (batch !== -1 && batch.length > 0) {
        if (arena.drained && !this.#hasErrors) this.#readable = false; // what comes later is an event of its own
        if (!arenas.scarce) {
          this.#arena = arena;
          return batch;
        }
        const own = copied(batch); // datagrams to many sockets in one turn
        arenas.giveBack(arena);
        return own;
      }
      const drained = batch === -1 && libc.errno() === EAGAIN;
      if (!drained && errors < MAX_ERRORS) continue;
      if (!drained) this.#rest();
      this.#readable = false;
      arenas.giveBack(arena);
      return undefined;
    }
  }

  /** Only who waits watches for room: the kernel reports it after each datagram that has left. */
  #writable(): Promise<void> {
    if (this.#whenWritable.length === 0) this.#engine.poller.change(this.#fd, RECEIVING | EPOLLOUT);
    return new Promise((resolve) => this.#whenWritable.push(resolve));
  }

  #wakeSenders(): void {
    if (this.#whenWritable.length === 0) return;
    if (!this.#closed) this.#engine.poller.change(this.#fd, RECEIVING);
    for (const wake of this.#whenWritable.splice(0)) wake();
  }
}

/** The same datagrams in memory of their own. */
function copied(batch: readonly Datagram[]): readonly Datagram[] {
  const memory = new Uint8Array(batch.reduce((size, { bytes }) => size + bytes.length, 0));
  let at = 0;
  return batch.map(({ bytes, addr }) => {
    memory.set(bytes, at);
    return { bytes: memory.subarray(at, at += bytes.length), addr };
  });
}
