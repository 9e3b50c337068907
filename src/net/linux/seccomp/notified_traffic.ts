import { EPOLLHUP, EPOLLIN } from "../../kernel/libc/abi.ts";
import type { ChildCalls } from "../../kernel/libc/child_calls.ts";
import { EINVAL } from "../../kernel/libc/errno.ts";
import { nameOf, pendingError, routedLocalAddr } from "../../kernel/sockets/kernel_probe.ts";
import type { NotificationCalls } from "../../kernel/libc/notification_calls.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../kernel/libc/sockaddr.ts";
import { systemCalls } from "../../kernel/libc/system_calls.ts";
import type { AcceptedSocket, Listener, SocketAddr, UdpSocket } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import type { Watcher } from "../engine/poller.ts";
import type { TakeDatagram } from "../transparent/transparent_datagrams.ts";
import { BorrowedSockets } from "./sockets/borrowed_sockets.ts";
import { MadeSockets } from "./sockets/made_sockets.ts";
import { MeetingPlace } from "./meeting_place.ts";
import { MANY_SIZE_AT, MANY_STRIDE, MessageMemory } from "./calls/message_memory.ts";
import { NotifiedConnections } from "./notified_connections.ts";
import { NotifiedDatagrams } from "./notified_datagrams.ts";
import { NotifiedReceipts } from "./notified_receipts.ts";
import type { Notifications, NotifiedCall } from "./calls/notifications.ts";
import type { NotifyingProgram } from "./notified_start.ts";
import { ProgramMemory } from "./calls/program_memory.ts";
import { kindOf, type ProgramSockets, socketAt } from "./sockets/program_sockets.ts";
import { addrIn, isLoopback, nameFor } from "./sockets/socket_names.ts";
import { ToldPeers } from "./sockets/told_peers.ts";

const ENOENT = 2, EBADF = 9, EACCES = 13, EFAULT = 14, EOPNOTSUPP = 95, ENETUNREACH = 101;
const MSG_ERRQUEUE = 0x2000, MSG_FASTOPEN = 0x2000_0000;
const DNS_PORT = 53;

/** Sockets of this host's name services besides DNS (nscd(8), systemd-resolved(8), avahi-daemon(8)). */
const ofNames = /^\/(var\/)?run\/(nscd|systemd\/resolve|avahi-daemon)\//;

/** The longest address is that of a unix socket. */
const MAX_NAME = 110;
/** Maximum messages of one call. */
const MOST_MESSAGES = 64;
/** Calls answered before others get their turn. */
const MAX_BURST = 16;

export interface TrafficNeeds {
  readonly calls: ChildCalls;
  readonly notifying: NotificationCalls;
  /** As Connecting has it. */
  readonly inPlace: boolean;
  /** True for destinations that `other` serves at once. */
  readonly isOther: (to: SocketAddr) => boolean;
  readonly other: (socket: AcceptedSocket, to: SocketAddr) => void;
  readonly take: TakeDatagram;
}

/**
 * Answers a program's network system calls. Calls for loopback and unix sockets continue unchanged; all others go to a listener
 * and to `take`, or fail. Only the first kind continues in the kernel, with an address that another thread of the program could
 * change meanwhile: this does not confine a hostile program. Calls for a gateway are made here, with arguments that are read
 * once. Without a supervisor each such call fails (ENOSYS).
 */
export class NotifiedTraffic implements Watcher {
  readonly #engine: Engine;
  readonly #notifications: Notifications;
  readonly #memory: ProgramMemory;
  readonly #sockets: ProgramSockets;
  readonly #made: MadeSockets | undefined;
  readonly #connections: NotifiedConnections;
  readonly #datagrams: NotifiedDatagrams;
  readonly #receipts: NotifiedReceipts;
  readonly #peers = new ToldPeers();

  /** Throws NetError. */
  constructor(engine: Engine, { notifications, making }: NotifyingProgram, needs: TrafficNeeds) {
    const { libc } = engine;
    this.#engine = engine;
    this.#notifications = notifications;
    this.#memory = new ProgramMemory(libc, needs.notifying);
    this.#made = making ? new MadeSockets(engine, notifications) : undefined;
    this.#sockets = this.#made ?? new BorrowedSockets(libc, needs.calls);
    const hasLoopback6 = routedLocalAddr(libc, "::1") !== undefined;
    const places = {
      ipv4: new MeetingPlace(engine, "127.0.0.1"),
      ipv6: hasLoopback6 ? new MeetingPlace(engine, "::1") : undefined,
    };
    const { inPlace, isOther, other, take } = needs;
    this.#connections = new NotifiedConnections(engine, notifications, places, {
      inPlace,
      isOther,
      other,
      connected: (socket, peer) => {
        this.#peers.set(socket, peer);
        this.#sockets.forget(socket);
      },
    });
    this.#datagrams = new NotifiedDatagrams(engine, hasLoopback6, take);
    this.#receipts = new NotifiedReceipts(engine, notifications, (relay) => this.#datagrams.standsFor(relay));
    engine.poller.watch(notifications.fd, this, EPOLLIN);
  }

  get connections(): Listener {
    return this.#connections;
  }

  /** What sends datagrams to programs as if from `addr`. */
  from(addr: SocketAddr): UdpSocket {
    return this.#datagrams.from(addr);
  }

  ready(events: number): void {
    for (let i = 0; i < MAX_BURST; i++) {
      const call = this.#notifications.next();
      if (!call) break;
      try {
        this.#answer(call);
      } catch (error) {
        this.#notifications.fail(call, ENETUNREACH);
        throw error;
      }
    }
    if (events & EPOLLHUP && !(events & EPOLLIN)) this.#engine.poller.forget(this.#notifications.fd); // none are left
  }

  #answer(call: NotifiedCall): void {
    switch (call.number) {
      case systemCalls.connect:
        return this.#connect(call);
      case systemCalls.sendto:
        return this.#sendTo(call);
      case systemCalls.sendmsg:
        return this.#sendMessage(call);
      case systemCalls.sendmmsg:
        return this.#sendMessages(call);
      case systemCalls.recvfrom:
        return this.#receiveFrom(call);
      case systemCalls.recvmsg:
        return this.#receiveMessage(call);
      case systemCalls.recvmmsg:
        return this.#receiveMessages(call);
      case systemCalls.getpeername:
        return this.#peerName(call);
      case systemCalls.getsockopt:
        return this.#failure(call);
      case systemCalls.socket:
        return this.#made!.make(call);
      case systemCalls.bind:
        this.#made?.forgetClosed(); // else its port may be taken still
        return this.#notifications.goOn(call);
      case systemCalls.listen: {
        const socket = socketAt(call.tid, fdOf(call));
        if (socket !== undefined) this.#sockets.forget(socket);
        return this.#notifications.goOn(call);
      }
      default:
        return this.#notifications.goOn(call);
    }
  }

  #connect(call: NotifiedCall): void {
    const [, at, size] = call.args as [number, number, number];
    const socket = socketAt(call.tid, fdOf(call));
    if (socket === undefined) return this.#notifications.goOn(call); // the kernel says what it is
    const to = this.#destination(call, at, size);
    if (!to) return this.#peers.delete(socket);
    const fd = this.#sockets.open(call, fdOf(call)), { libc } = this.#engine;
    if (fd < 0) {
      if (this.#peers.of(socket)) return this.#notifications.goOn(call);
      return void this.#notifications.fail(call, EACCES);
    }
    const { kind, six } = kindOf(libc, fd);
    if (kind === "tcp") return this.#connections.connect(call, fd, socket, six, to);
    const errno = kind === "udp" ? this.#datagrams.connect(fd, six, to) : ENETUNREACH;
    libc.close(fd);
    if (errno) return void this.#notifications.fail(call, errno);
    this.#peers.set(socket, { to, six });
    this.#notifications.succeed(call);
  }

  #sendTo(call: NotifiedCall): void {
    const [, at, size, flags, nameAt, nameSize] = call.args as [number, number, number, number, number, number];
    const to = this.#destination(call, nameAt, nameSize);
    if (!to) return;
    this.#sendFrom(call, flags, (fd, six) => {
      const payload = this.#memory.read(call.tid, at, Math.min(size, 2 ** 16));
      const errno = payload ? this.#datagrams.send(fd, six, payload, to) : EFAULT;
      if (errno) this.#notifications.fail(call, errno);
      else this.#notifications.succeed(call, size);
    });
  }

  #sendMessage(call: NotifiedCall): void {
    const message = MessageMemory.at(this.#memory, call, call.args[1]!), flags = call.args[2]!;
    if (!message) return this.#unreadable(call);
    if (!message.nameAt && !(flags & MSG_FASTOPEN)) return this.#notifications.goOn(call);
    const to = this.#destination(call, message.nameAt, message.nameSize);
    if (!to) return;
    this.#sendFrom(call, flags, (fd, six) => {
      const payload = message.payload();
      const errno = payload ? this.#datagrams.send(fd, six, payload, to, message.control()) : EFAULT;
      if (errno) this.#notifications.fail(call, errno);
      else this.#notifications.succeed(call, payload!.length);
    });
  }

  /** If all go to loopback, or have no address, they continue together: programs do not mix them. */
  #sendMessages(call: NotifiedCall): void {
    const [, at, wanted, flags] = call.args as [number, number, number, number];
    const count = Math.min(wanted, MOST_MESSAGES), { tid } = call;
    const messages = Array.from(
      { length: count },
      (_, i) => MessageMemory.at(this.#memory, call, at + MANY_STRIDE * i),
    );
    if (messages.some((message) => !message)) return this.#unreadable(call);
    if (messages.every((message) => !message!.nameAt) && !(flags & MSG_FASTOPEN)) return this.#notifications.goOn(call);
    const destinations = messages.map((message) => {
      const name = this.#memory.read(tid, message!.nameAt, Math.min(message!.nameSize, MAX_NAME));
      return name && addrIn(name);
    });
    if (!destinations.some((to) => to && isTaken(to))) return this.#notifications.goOn(call);
    this.#sendFrom(call, flags, (fd, six) => {
      let sent = 0, errno = 0;
      for (; sent < count && !errno; sent++) {
        const payload = messages[sent]!.payload(), to = destinations[sent];
        errno = !payload || !to ? EFAULT : this.#datagrams.send(fd, six, payload, to, messages[sent]!.control());
        const size = new Uint8Array(4);
        new DataView(size.buffer).setUint32(0, payload?.length ?? 0, true);
        if (!errno) this.#memory.write(tid, at + MANY_STRIDE * sent + MANY_SIZE_AT, size);
      }
      if (errno && sent === 1) this.#notifications.fail(call, errno);
      else this.#notifications.succeed(call, errno ? sent - 1 : sent);
    });
  }

  /** Opens the caller's UDP socket; other sockets are refused. */
  #sendFrom(call: NotifiedCall, flags: number, send: (fd: number, six: boolean) => void): void {
    const fd = this.#open(call), { libc } = this.#engine;
    if (fd === undefined) return;
    const { kind, six } = kindOf(libc, fd);
    if (kind === "udp") send(fd, six);
    else if (kind === "tcp" && !(flags & MSG_FASTOPEN)) this.#notifications.goOn(call); // it is connected, or fails
    else this.#notifications.fail(call, kind === "tcp" ? EOPNOTSUPP : ENETUNREACH);
    libc.close(fd);
  }

  #receiveFrom(call: NotifiedCall): void {
    const [, at, size, flags, nameAt, sizeAt] = call.args as [number, number, number, number, number, number];
    const from = this.#receiver(call, flags);
    if (!from) return;
    const { tid } = call;
    this.#receipts.receive({
      call,
      ...from,
      size: Math.min(size, 2 ** 16),
      controlSize: 0,
      flags,
      put: ({ payload, name }, got) => {
        const room = this.#memory.read(tid, sizeAt, 4), told = new Uint8Array(4);
        new DataView(told.buffer).setUint32(0, name.length, true);
        const put = room && this.#memory.write(tid, at, payload) &&
          this.#memory.write(tid, nameAt, name.slice(0, new DataView(room.buffer).getUint32(0, true))) &&
          this.#memory.write(tid, sizeAt, told);
        if (put) this.#notifications.succeed(call, got);
        else this.#notifications.fail(call, EFAULT);
      },
    });
  }

  #receiveMessage(call: NotifiedCall): void {
    const message = MessageMemory.at(this.#memory, call, call.args[1]!), flags = call.args[2]!;
    if (!message?.nameAt) return this.#notifications.goOn(call);
    const from = this.#receiver(call, flags), size = message.pieces()?.size;
    if (!from) return;
    this.#receipts.receive({
      call,
      ...from,
      size: size ?? 0,
      controlSize: message.controlAt ? message.controlSize : 0,
      flags,
      put: (received, got) => {
        if (message.put(received)) this.#notifications.succeed(call, got);
        else this.#notifications.fail(call, EFAULT);
      },
    });
  }

  /** One message, which recvmmsg(2) may stop at. */
  #receiveMessages(call: NotifiedCall): void {
    const [, at, , flags] = call.args as [number, number, number, number];
    const message = MessageMemory.at(this.#memory, call, at);
    if (!message?.nameAt) return this.#notifications.goOn(call);
    const from = this.#receiver(call, flags), size = message.pieces()?.size;
    if (!from) return;
    const MSG_WAITFORONE = 0x10000;
    this.#receipts.receive({
      call,
      ...from,
      size: size ?? 0,
      controlSize: message.controlAt ? message.controlSize : 0,
      flags: flags & ~MSG_WAITFORONE,
      put: (received, got) => {
        const told = new Uint8Array(4);
        new DataView(told.buffer).setUint32(0, got, true);
        if (message.put(received) && this.#memory.write(call.tid, at + MANY_SIZE_AT, told)) {
          this.#notifications.succeed(call, 1);
        } else this.#notifications.fail(call, EFAULT);
      },
    });
  }

  /** The UDP socket of a receiving caller; undefined if the kernel runs the call. */
  #receiver(call: NotifiedCall, flags: number): { readonly fd: number; readonly six: boolean } | undefined {
    const fd = flags & MSG_ERRQUEUE ? -EINVAL : this.#sockets.open(call, fdOf(call)), { libc } = this.#engine;
    if (fd >= 0) {
      const { kind, six } = kindOf(libc, fd);
      if (kind === "udp") return { fd, six };
      libc.close(fd);
    }
    this.#notifications.goOn(call);
    return undefined;
  }

  #peerName(call: NotifiedCall): void {
    const socket = socketAt(call.tid, fdOf(call)), peer = socket === undefined ? undefined : this.#peers.of(socket);
    const [, at, sizeAt] = call.args as [number, number, number];
    const room = peer && this.#isConnected(call) && this.#memory.read(call.tid, sizeAt, 4);
    if (!room) return this.#notifications.goOn(call);
    const name = nameFor(peer.to, peer.six), told = new Uint8Array(4);
    new DataView(told.buffer).setUint32(0, name.length, true);
    const put = this.#memory.write(call.tid, at, name.slice(0, new DataView(room.buffer).getUint32(0, true))) &&
      this.#memory.write(call.tid, sizeAt, told);
    if (put) this.#notifications.succeed(call);
    else this.#notifications.fail(call, EFAULT);
  }

  /** True if it is so still, as far as can be seen. */
  #isConnected(call: NotifiedCall): boolean {
    const { libc } = this.#engine, fd = this.#sockets.open(call, fdOf(call));
    if (fd < 0) return true;
    const peer = nameOf(libc.getpeername, fd);
    libc.close(fd);
    return peer !== undefined;
  }

  #failure(call: NotifiedCall): void {
    const socket = this.#connections.hasFailures ? socketAt(call.tid, fdOf(call)) : undefined;
    const errno = socket === undefined ? undefined : this.#connections.failure(socket);
    if (errno === undefined) return this.#notifications.goOn(call);
    const { libc } = this.#engine, fd = this.#sockets.open(call, fdOf(call));
    if (fd >= 0) {
      pendingError(libc, fd); // which this has reported
      libc.close(fd);
    }
    const [, , , at, sizeAt] = call.args as [number, number, number, number, number];
    const value = new Uint8Array(4), size = Uint8Array.of(4, 0, 0, 0);
    new DataView(value.buffer).setInt32(0, errno, true);
    if (this.#memory.write(call.tid, at, value) && this.#memory.write(call.tid, sizeAt, size)) {
      this.#notifications.succeed(call);
    } else this.#notifications.fail(call, EFAULT);
  }

  /** Where the call leads; undefined where it is answered already. */
  #destination(call: NotifiedCall, at: number, size: number): SocketAddr | undefined {
    const name = this.#memory.read(call.tid, at, Math.min(size, MAX_NAME));
    if (!name) {
      this.#unreadable(call);
      return undefined;
    }
    const family = name.length < 2 ? 0 : name[0]! | (name[1]! << 8);
    if (family === AF_UNIX && ofNames.test(new TextDecoder().decode(name.subarray(2)))) {
      this.#notifications.fail(call, ENOENT);
      return undefined;
    }
    const to = family === AF_INET || family === AF_INET6 ? addrIn(name) : undefined;
    if (to && isTaken(to)) return to;
    this.#notifications.goOn(call);
    return undefined;
  }

  /** A descriptor of ours for the socket that the call is about; undefined where the call is answered already. */
  #open(call: NotifiedCall): number | undefined {
    const fd = this.#sockets.open(call, fdOf(call));
    if (fd >= 0) return fd;
    if (-fd === EBADF) this.#notifications.goOn(call);
    else this.#notifications.fail(call, EACCES);
    return undefined;
  }

  /** Memory that does not exist is the program's own mistake; one that may not be read would have the call get out unseen. */
  #unreadable(call: NotifiedCall): void {
    this.#notifications.fail(call, EFAULT);
  }
}

function fdOf({ args }: NotifiedCall): number {
  return args[0]! | 0;
}

/** True if it comes to a gateway: loopback is this host's own, but for its DNS. */
function isTaken(to: SocketAddr): boolean {
  return !isLoopback(to) || to.port === DNS_PORT;
}
