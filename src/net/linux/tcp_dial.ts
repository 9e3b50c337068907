import { noDescriptors } from "../kernel/descriptor_reserve.ts";
import { addressText } from "../../protocol/address.ts";
import { NetError } from "../error.ts";
import type { ConnectOptions, Exit, SocketAddr } from "../socket.ts";
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
import { EINPROGRESS, errnoError } from "../kernel/libc/errno.ts";
import { pendingError } from "../kernel/kernel_probe.ts";
import { encodeSockaddr, family } from "../kernel/libc/sockaddr.ts";
import { setOption } from "../kernel/socket_option.ts";
import { keepUrgent } from "../kernel/tcp_options.ts";
import { LinuxSocket } from "./tcp_socket.ts";

/** Connects without blocking. Rejects with NetError, whose kind is the kernel's own errno. */
export function dialTcp(
  engine: Engine,
  addr: SocketAddr,
  options: ConnectOptions = {},
): Promise<LinuxSocket> {
  const { cut, localAddr } = options;
  const what = addressText(addr);
  const givenUp = () => new NetError("aborted", `Cannot connect to ${what}: given up`);
  if (cut?.made) return Promise.reject(givenUp());
  return new Promise((resolve, reject) => {
    const { libc } = engine;
    const fd = libc.socket(family(addr.host), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return reject(errnoError(libc.errno(), "connect to", what));
    if (engine.reserve.refuses(fd)) {
      libc.close(fd);
      return reject(noDescriptors(`connect to ${what}`));
    }
    engine.own(fd);
    const fail = (errno: number) => {
      engine.close(fd);
      reject(errnoError(errno, "connect to", what));
    };
    setOption(libc, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    keepUrgent(libc, fd);
    const refused = setOutgoing(engine, fd, options);
    if (refused) return fail(refused);
    if (localAddr !== undefined) {
      setOption(libc, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1); // else its ports are shared by all destinations
      const local = encodeSockaddr({ host: localAddr, port: 0 });
      if (libc.bind(fd, local, local.length) < 0) return fail(libc.errno());
    }
    const peer = encodeSockaddr(addr);
    if (libc.connect(fd, peer, peer.length) < 0) {
      const errno = libc.errno();
      if (errno !== EINPROGRESS) return fail(errno);
    }
    const socket = new LinuxSocket(engine, fd, addr, true);
    const release = cut?.on(() => {
      socket.close();
      reject(givenUp());
    });
    socket.divert({
      ready(events) {
        if (socket.closed) return;
        if (events & (EPOLLERR | EPOLLHUP)) {
          release?.();
          const errno = pendingError(libc, fd);
          if (errno !== 0) {
            socket.close();
            return reject(errnoError(errno, "connect to", what));
          }
        } else if (!(events & EPOLLOUT)) return;
        release?.();
        socket.divert(undefined);
        resolve(socket);
      },
    });
  });
}

/** Sets what the administrator wants of sockets that leave this machine, `exit` of this one; the errno where the kernel refuses. */
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
