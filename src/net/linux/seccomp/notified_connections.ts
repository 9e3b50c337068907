import { NetError } from "../../error.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { nameOf } from "../../kernel/sockets/kernel_probe.ts";
import { Arrivals } from "../../../turns/arrivals.ts";
import type { AcceptedSocket, Listener, OwnConnection, SocketAddr } from "../../socket.ts";
import { addressText } from "../../../protocol/address.ts";
import type { Engine } from "../engine/engine.ts";
import type { LinuxSocket } from "../tcp_socket.ts";
import { HeldSocket, type Holder } from "../transparent/held_socket.ts";
import type { MeetingPlace } from "./meeting_place.ts";
import type { Notifications, NotifiedCall } from "./calls/notifications.ts";
import { waits } from "./sockets/program_sockets.ts";
import { OwnSocket } from "./sockets/own_socket.ts";
import { nameFor } from "./sockets/socket_names.ts";
import type { ToldPeer } from "./sockets/told_peers.ts";

const EALREADY = 114, EINPROGRESS = 115, ECONNREFUSED = 111, EAFNOSUPPORT = 97, ECONNABORTED = 103;

/** The error of connect(2) for each reply of RFC 1928 s6, as in SynGate; refused by default. */
const errnoOf: Readonly<Record<number, number>> = { 2: 113, 3: 101, 4: 113, 6: 110, 8: 101 };

/** How long an unread failure is kept (ms), and how many. */
const UNTOLD_MS = 60_000, MOST_UNTOLD = 1_024;

/** A connection requested by a program. */
interface Attempt {
  readonly to: SocketAddr;
  readonly six: boolean;
  /** Ours, of the program's socket. */
  readonly fd: number;
  readonly place: MeetingPlace;
  /** That place, as the socket says it. */
  readonly name: Uint8Array<ArrayBuffer>;
  /** The socket's own address. */
  own: SocketAddr;
  /** It while it is connected elsewhere than to the place. */
  used: OwnSocket | undefined;
  /** Blocking calls of connect(2) that wait for the outcome. */
  readonly waiting: NotifiedCall[];
  /** True if a nonblocking caller has got EINPROGRESS. */
  told: boolean;
  /** What it has failed with. */
  errno?: number;
  failedAt?: number;
}

/** The meeting places of connections. */
export interface MeetingPlaces {
  readonly ipv4: MeetingPlace;
  /** Undefined without ::1. */
  readonly ipv6: MeetingPlace | undefined;
}

/** The receiver of a program's connections. */
export interface Connecting {
  /** True if a socket of a program that waits may be connected itself, with what is said on it before in the clear. */
  readonly inPlace: boolean;
  readonly isOther: (to: SocketAddr) => boolean;
  readonly other: (socket: AcceptedSocket, to: SocketAddr) => void;
  /** Called for a program's connected socket, by name. */
  readonly connected: (key: string, peer: ToldPeer) => void;
}

/**
 * Connections that a program requests by connect(2), like those of SynGate and TransparentListener: each is a HeldSocket. The
 * program's socket is in its normal state, so that poll(2) and signals work as usual.
 */
export class NotifiedConnections implements Listener {
  readonly addr = { host: "0.0.0.0", port: 1 };
  readonly #engine: Engine;
  readonly #libc: Libc;
  readonly #notifications: Notifications;
  readonly #places: MeetingPlaces;
  readonly #connecting: Connecting;
  /** By the socket's own name. */
  readonly #attempts = new Map<string, Attempt>();
  /** Those that have failed, the oldest first. */
  readonly #untold = new Set<string>();
  readonly #arrivals = new Arrivals<AcceptedSocket>();

  constructor(engine: Engine, notifications: Notifications, places: MeetingPlaces, connecting: Connecting) {
    this.#engine = engine;
    this.#libc = engine.libc;
    this.#notifications = notifications;
    this.#places = places;
    this.#connecting = connecting;
  }

  accept(): Promise<AcceptedSocket | null> {
    return this.#arrivals.accept();
  }

  close(): void {
    this.#arrivals.close();
  }

  /** Answers connect(2). `fd` is ours, of its TCP socket, which is called `key`; it is closed here. */
  connect(call: NotifiedCall, fd: number, key: string, six: boolean, to: SocketAddr): void {
    const blocking = waits(this.#libc, fd), known = this.#attempts.get(key);
    const answered = known
      ? this.#again(call, known, key, blocking)
      : this.#begin(call, { fd, key, six, to, blocking });
    if (answered) this.#libc.close(fd);
  }

  /** Answers getsockopt(2) of SO_ERROR for a failed connection of ours; returns true if it did. */
  failure(key: string): number | undefined {
    const attempt = this.#attempts.get(key);
    if (attempt?.errno === undefined) return undefined;
    this.#forget(key);
    return attempt.errno;
  }

  /** True if a failure may be pending. */
  get hasFailures(): boolean {
    return this.#untold.size > 0;
  }

  /** Answers a repeated call on a known connection; returns true if `fd` is not needed. */
  #again(call: NotifiedCall, attempt: Attempt, key: string, blocking: boolean): boolean {
    if (attempt.errno !== undefined) {
      this.#notifications.fail(call, attempt.errno);
      this.#forget(key);
    } else if (nameOf(this.#libc.getpeername, attempt.fd)) this.#notifications.goOn(call); // connected just now
    else if (blocking) attempt.waiting.push(call);
    else if (attempt.told) this.#notifications.fail(call, EALREADY);
    else attempt.told = this.#notifications.fail(call, EINPROGRESS);
    return true;
  }

  /** True if `fd` is not needed. */
  #begin(
    call: NotifiedCall,
    { fd, key, six, to, blocking }: {
      readonly fd: number;
      readonly key: string;
      readonly six: boolean;
      readonly to: SocketAddr;
      readonly blocking: boolean;
    },
  ): boolean {
    if (nameOf(this.#libc.getpeername, fd)) {
      this.#notifications.goOn(call); // the kernel says that it is connected
      return true;
    }
    if (!six && to.host.includes(":")) {
      this.#notifications.fail(call, EAFNOSUPPORT);
      return true;
    }
    const bound = nameOf(this.#libc.getsockname, fd), { ipv4, ipv6 } = this.#places;
    const place = six && ipv6 && !(bound && bound.port !== 0 && !bound.host.includes(":")) ? ipv6 : ipv4;
    const name = nameFor(place.addr, six);
    const own = place.wait(fd, name);
    if (typeof own === "number") {
      this.#notifications.fail(call, -own);
      return true;
    }
    const attempt: Attempt = {
      to,
      six,
      fd,
      place,
      name,
      own,
      used: undefined,
      waiting: blocking ? [call] : [],
      told: false,
    };
    this.#attempts.set(key, attempt);
    if (!blocking) attempt.told = this.#notifications.fail(call, EINPROGRESS);
    const opening = () => this.#open(key, attempt);
    if (this.#connecting.isOther(to)) {
      opening().then((socket) => socket && this.#connecting.other(socket, to), () => {});
      return false;
    }
    const isFree = blocking && this.#connecting.inPlace && (!bound || bound.port === 0);
    const holder: Holder = {
      open: opening,
      own: isFree ? this.#ownOf(attempt) : undefined,
      isItself: (destination) => attempt.used === destination && attempt.used.handedOver,
      refuse: (reply) => this.#refuse(key, attempt, errnoOf[reply] ?? ECONNREFUSED),
    };
    this.#arrivals.add(new HeldSocket(own, to, holder));
    return false;
  }

  #ownOf(attempt: Attempt): OwnConnection {
    const engine = this.#engine, { fd, six } = attempt;
    return {
      connect: (addr, cut) => {
        if (attempt.used || cut?.made || !OwnSocket.canReach(engine, fd, six, addr)) return undefined;
        const { socket, connected } = OwnSocket.connect(engine, fd, six, addr, cut, () => {
          attempt.used = undefined;
          const own = attempt.place.wait(fd, attempt.name);
          if (typeof own !== "number") attempt.own = own;
        });
        attempt.used = socket;
        return connected;
      },
    };
  }

  async #open(key: string, attempt: Attempt): Promise<LinuxSocket | undefined> {
    try {
      const socket = await this.#end(attempt);
      this.#attempts.delete(key);
      const told = attempt.waiting.filter((call) => this.#notifications.succeed(call));
      // To the kernel it is complete when connect(2) has said so, as it does on a repeated call.
      if (socket && told.length > 0) this.#libc.connect(attempt.fd, attempt.name, attempt.name.length);
      this.#libc.close(attempt.fd);
      this.#connecting.connected(key, attempt);
      return socket;
    } catch (error) {
      this.#refuse(key, attempt, ECONNABORTED);
      throw error instanceof NetError
        ? error
        : new NetError("aborted", `Cannot open the connection to ${addressText(attempt.to)}`, { cause: error });
    }
  }

  /** The other end of it; undefined where it needs none. */
  async #end({ used, place, own }: Attempt): Promise<LinuxSocket | undefined> {
    if (!used?.connected) return await place.meet(own);
    used.handOver();
    return undefined;
  }

  #refuse(key: string, attempt: Attempt, errno: number): void {
    attempt.used?.close();
    attempt.place.fail(attempt.fd);
    const told = attempt.waiting.filter((call) => this.#notifications.fail(call, errno));
    if (told.length > 0) this.#attempts.delete(key);
    else this.#keep(key, attempt, errno);
    this.#libc.close(attempt.fd);
  }

  /** Kept until the program reads it. */
  #keep(key: string, attempt: Attempt, errno: number): void {
    const now = this.#engine.timers.now();
    attempt.errno = errno;
    attempt.failedAt = now;
    this.#untold.add(key);
    for (const old of this.#untold) {
      const { failedAt = now } = this.#attempts.get(old) ?? {};
      if (now - failedAt < UNTOLD_MS && this.#untold.size <= MOST_UNTOLD) break;
      this.#forget(old);
    }
  }

  #forget(key: string): void {
    this.#attempts.delete(key);
    this.#untold.delete(key);
  }
}
