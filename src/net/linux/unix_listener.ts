import { addressText } from "../../protocol/address.ts";
import { type SocketAddr, unixAddr } from "../socket.ts";
import { type PlaceOptions, placeSocket } from "../kernel/sockets/unix_file.ts";
import {
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  IPPROTO_TCP,
  O_NONBLOCK,
  SO_ACCEPTCONN,
  SO_TYPE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../kernel/libc/abi.ts";
import { errnoError } from "../kernel/libc/errno.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import { nameOf, unixNameOf } from "../kernel/sockets/kernel_probe.ts";
import { AF_UNIX, encodeUnixSockaddr } from "../kernel/libc/sockaddr.ts";
import { setOption } from "../kernel/sockets/socket_option.ts";
import { keepUrgent } from "../kernel/sockets/tcp_options.ts";
import { BACKLOG, type ClaimedPort } from "./tcp_listener.ts";

/** Listeners that cannot be duplicated by address: all threads accept from one descriptor. */
export interface SharedListener extends ClaimedPort {
  readonly descriptor: number;
}

/** Listens on the unix socket `path` (unix(7)). Rejects with NetError. */
export async function claimUnix(libc: Libc, path: string, options: PlaceOptions): Promise<SharedListener> {
  const what = addressText(unixAddr(path));
  const { addr, socket: descriptor, place, remove } = await placeSocket(path, options, libc, (path) => {
    const fd = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw errnoError(libc.errno(), "listen on", what);
    const name = encodeUnixSockaddr(path);
    if (libc.bind(fd, name, name.length) < 0 || libc.listen(fd, BACKLOG) < 0) {
      const error = errnoError(libc.errno(), "listen on", what);
      libc.close(fd);
      throw error;
    }
    return fd;
  });
  return {
    addr,
    descriptor,
    ...options.succeeds && { place },
    release() {
      remove();
      libc.close(descriptor);
    },
  };
}

/**
 * A listening socket passed by the program's starter (systemd). It stays open as long as the program: clients may wait on it
 * for the next start. Undefined if it is not such a socket.
 */
export function inheritedListener(libc: Libc, descriptor: number): SharedListener | undefined {
  const addr: SocketAddr | undefined = nameOf(libc.getsockname, descriptor) ?? unixNameOf(libc, descriptor);
  const listens = option(libc, descriptor, SO_TYPE) === SOCK_STREAM && option(libc, descriptor, SO_ACCEPTCONN) === 1;
  if (!addr || !listens) return undefined;
  libc.fcntl(descriptor, F_SETFL, O_NONBLOCK);
  if (addr.unix === undefined) { // inherited by what is accepted
    setOption(libc, descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    keepUrgent(libc, descriptor);
  }
  return { addr, descriptor, release() {} };
}

function option(libc: Libc, fd: number, name: number): number | undefined {
  const value = new Int32Array(1), size = Uint32Array.of(4);
  return libc.getsockopt(fd, SOL_SOCKET, name, value, size) < 0 ? undefined : value[0];
}

/** Sets close-on-exec on a passed descriptor. */
export function closeOnExec(libc: Libc, descriptor: number): void {
  libc.fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}
