import { noDescriptors } from "../kernel/host/descriptor_reserve.ts";
import { addressText } from "../../protocol/address.ts";
import { NetError } from "../error.ts";
import type { ConnectOptions, Exit, SocketAddr } from "../socket.ts";
import type { Cut } from "../cut.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLOUT,
  IP_BIND_ADDRESS_NO_PORT,
  IP_FREEBIND,
  IPPROTO_IP,
  IPPROTO_TCP,
  SO_BINDTODEVICE,
  SO_MARK,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from "../kernel/libc/abi.ts";
import type { Engine } from "./engine/engine.ts";
import type { Watcher } from "./engine/poller.ts";
import { EINPROGRESS, errnoError } from "../kernel/libc/errno.ts";
import { pendingError } from "../kernel/sockets/kernel_probe.ts";
import { encodeSockaddr, family, SOCKADDR_SIZE, writeSockaddr } from "../kernel/libc/sockaddr.ts";
import { setOption } from "../kernel/sockets/socket_option.ts";
import { keepUrgent } from "../kernel/sockets/tcp_options.ts";
import { LinuxSocket } from "./tcp_socket.ts";

/** The address of the current connect(2): one call is over before the next. */
const peer = new Uint8Array(SOCKADDR_SIZE);

/** Connects without blocking. Rejects with NetError, with the kernel's errno. */
export function dialTcp(
  engine: Engine,
  addr: SocketAddr,
  options: ConnectOptions = {},
): Promise<LinuxSocket> {
  const { cut } = options;
  if (cut?.made) return Promise.reject(givenUp(addr));
  try {
    const socket = begin(engine, addr, options);
    return new Promise((resolve, reject) => socket.divert(new Dialling(engine, socket, cut, resolve, reject)));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A connecting socket. Throws NetError. */
function begin(engine: Engine, addr: SocketAddr, options: ConnectOptions): LinuxSocket {
  const { libc } = engine;
  const { localAddr } = options;
  const fd = libc.socket(family(addr.host), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(libc.errno(), addr);
  if (engine.reserve.refuses(fd)) {
    libc.close(fd);
    throw noDescriptors(`connect to ${addressText(addr)}`);
  }
  engine.own(fd);
  setOption(libc, fd, IPPROTO_TCP, TCP_NODELAY, 1);
  keepUrgent(libc, fd);
  let errno = setOutgoing(engine, fd, options);
  if (!errno && localAddr !== undefined) {
    setOption(libc, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1); // otherwise all destinations share its ports
    const local = encodeSockaddr({ host: localAddr, port: 0 });
    if (libc.bind(fd, local, local.length) < 0) errno = libc.errno();
  }
  if (!errno) {
    if (libc.connect(fd, peer, writeSockaddr(addr, peer)) < 0) errno = libc.errno();
  }
  if (errno && errno !== EINPROGRESS) {
    engine.close(fd);
    throw failure(errno, addr);
  }
  try {
    return new LinuxSocket(engine, fd, addr, true);
  } catch (error) {
    engine.close(fd);
    throw error;
  }
}

/** Waits for the end of a connect(2), or for the cut. */
class Dialling implements Watcher {
  readonly #engine: Engine;
  readonly #socket: LinuxSocket;
  readonly #release: (() => void) | undefined;
  readonly #resolve: (socket: LinuxSocket) => void;
  readonly #reject: (error: NetError) => void;

  constructor(
    engine: Engine,
    socket: LinuxSocket,
    cut: Cut | undefined,
    resolve: (socket: LinuxSocket) => void,
    reject: (error: NetError) => void,
  ) {
    this.#engine = engine;
    this.#socket = socket;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#release = cut?.on(() => {
      socket.close();
      reject(givenUp(socket.remoteAddr));
    });
  }

  ready(events: number): void {
    const socket = this.#socket;
    if (socket.closed) return;
    if (events & (EPOLLERR | EPOLLHUP)) {
      const errno = pendingError(this.#engine.libc, socket.fd);
      if (errno !== 0) {
        this.#release?.();
        socket.close();
        return this.#reject(failure(errno, socket.remoteAddr));
      }
    } else if (!(events & EPOLLOUT)) return;
    this.#release?.();
    socket.divert(undefined);
    this.#resolve(socket);
  }
}

function failure(errno: number, addr: SocketAddr): NetError {
  return errnoError(errno, "connect to", addressText(addr));
}

function givenUp(addr: SocketAddr): NetError {
  return new NetError("aborted", `Cannot connect to ${addressText(addr)}: given up`);
}

/** Sets the options of outgoing sockets, `exit` for this one; returns the errno if the kernel refuses. */
export function setOutgoing(
  { libc, options }: Pick<Engine, "libc" | "options">,
  fd: number,
  exit?: Exit,
): number | undefined {
  const { userTimeoutMs } = options;
  const mark = exit?.mark ?? options.mark, device = exit?.device ?? options.device;
  if (exit?.freeBind) setOption(libc, fd, IPPROTO_IP, IP_FREEBIND, 1); // of both families
  if (mark !== undefined && !setOption(libc, fd, SOL_SOCKET, SO_MARK, mark)) return libc.errno();
  if (device !== undefined) {
    const name = new TextEncoder().encode(`${device}\0`);
    if (libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0) return libc.errno();
  }
  if (userTimeoutMs !== undefined) setOption(libc, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, userTimeoutMs);
  return undefined;
}
