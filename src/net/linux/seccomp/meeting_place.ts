import { NetError } from "../../error.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLOUT,
  F_SETFL,
  IPPROTO_TCP,
  O_NONBLOCK,
  POLLOUT,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../../kernel/libc/abi.ts";
import { EINPROGRESS, errnoError } from "../../kernel/libc/errno.ts";
import { nameOf, pendingError, resetConnection } from "../../kernel/sockets/kernel_probe.ts";
import { encodeSockaddr, family } from "../../kernel/libc/sockaddr.ts";
import { setOption } from "../../kernel/sockets/socket_option.ts";
import { keepUrgent } from "../../kernel/sockets/tcp_options.ts";
import type { SocketAddr } from "../../socket.ts";
import { addressText } from "../../../protocol/address.ts";
import type { Engine } from "../engine/engine.ts";
import { LinuxSocket } from "../tcp_socket.ts";

const F_GETFL = 3, TCP_FASTOPEN_CONNECT = 30, FILL_MS = 1_000;

/**
 * Where a program's connections wait for their outcome. A socket listens on loopback with a full queue: a client that connects
 * to it gets no answer, as from a distant host. Once the connection is allowed, another socket of that address connects to the
 * program's from the other side, and the two SYN cross (simultaneous open, RFC 9293 s3.5). So it needs no rights, and no other
 * program can connect.
 */
export class MeetingPlace {
  readonly addr: SocketAddr;
  readonly #engine: Engine;

  /** Throws NetError. */
  constructor(engine: Engine, host: string) {
    this.#engine = engine;
    const { libc } = engine, fd = this.#socket({ host, port: 0 });
    const failed = () => errnoError(libc.errno(), "listen on", host);
    if (libc.listen(fd, 0) < 0) throw failed();
    this.addr = nameOf(libc.getsockname, fd)!;
    // One that is never accepted fills a queue of none; a filter of packets would take rights (Linux 6.18).
    const filling = libc.socket(family(host), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const there = encodeSockaddr(this.addr);
    if (libc.connect(filling, there, there.length) < 0 && libc.errno() !== EINPROGRESS) throw failed();
    if (libc.poll(Int32Array.of(filling, POLLOUT), 1, FILL_MS) !== 1) {
      throw new NetError("timed-out", `Cannot listen on ${host}: nothing comes through its loopback`);
    }
  }

  /**
   * Connects `fd`, a socket of a program, to this place. Returns its own address, or minus an errno. `name` is the address of this
   * place in the socket's family.
   */
  wait(fd: number, name: Uint8Array<ArrayBuffer>): SocketAddr | number {
    const { libc } = this.#engine;
    setOption(libc, fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0); // else it would connect when it writes
    pendingError(libc, fd); // of another attempt
    const flags = libc.fcntl(fd, F_GETFL, 0);
    libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    const errno = libc.connect(fd, name, name.length) < 0 ? libc.errno() : 0;
    libc.fcntl(fd, F_SETFL, flags);
    if (errno !== EINPROGRESS) return -(errno || EINPROGRESS);
    return nameOf(libc.getsockname, fd)!;
  }

  /** Connects the waiting socket with the address `theirs`; returns the other end. Rejects with NetError. */
  meet(theirs: SocketAddr): Promise<LinuxSocket> {
    const engine = this.#engine, { libc } = engine;
    let own: number, socket: LinuxSocket;
    try {
      own = this.#socket(this.addr);
      const there = encodeSockaddr(theirs);
      const errno = libc.connect(own, there, there.length) < 0 ? libc.errno() : 0;
      if (errno && errno !== EINPROGRESS) {
        libc.close(own);
        throw errnoError(errno, "meet", addressText(theirs));
      }
      socket = new LinuxSocket(engine, engine.own(own), theirs, true);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) =>
      socket.divert({
        ready: (events) => {
          if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
          socket.divert(undefined);
          const errno = pendingError(libc, own);
          if (errno || events & EPOLLHUP) {
            socket.close();
            return reject(
              errno
                ? errnoError(errno, "meet", addressText(theirs))
                : new NetError("reset", `Cannot meet ${addressText(theirs)}: it is gone`),
            );
          }
          resolve(socket);
        },
      })
    );
  }

  /** Fails the waiting socket `fd`, visibly for poll(2). */
  fail(fd: number): void {
    resetConnection(this.#engine.libc, fd);
  }

  /** A socket bound to `addr`, whose port other sockets of this user may share. Throws NetError. */
  #socket(addr: SocketAddr): number {
    const { libc } = this.#engine;
    const fd = libc.socket(family(addr.host), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw errnoError(libc.errno(), "listen on", addr.host);
    for (const name of [SO_REUSEADDR, SO_REUSEPORT]) setOption(libc, fd, SOL_SOCKET, name, 1);
    setOption(libc, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    keepUrgent(libc, fd);
    const name = encodeSockaddr(addr);
    if (libc.bind(fd, name, name.length) === 0) return fd;
    const error = errnoError(libc.errno(), "listen on", addr.host);
    libc.close(fd);
    throw error;
  }
}
