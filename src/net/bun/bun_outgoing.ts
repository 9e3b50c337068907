/// <reference types="bun-types" />
import { addressText } from "../../protocol/address.ts";
import { bunHandlers, type BunSocket, type Opening } from "./bun_socket.ts";
import { type NetError, netError } from "../error.ts";
import {
  IP_BIND_ADDRESS_NO_PORT,
  IP_FREEBIND,
  IPPROTO_IP,
  IPPROTO_TCP,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  TCP_NODELAY,
} from "../kernel/libc/abi.ts";
import { EINPROGRESS, errnoError } from "../kernel/libc/errno.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import { nameOf, pendingError } from "../kernel/sockets/kernel_probe.ts";
import { encodeSockaddr, family } from "../kernel/libc/sockaddr.ts";
import { setOption } from "../kernel/sockets/socket_option.ts";
import type { Exit, SocketAddr } from "../socket.ts";

/**
 * Begins to connect from `localAddr` of `exit` by libc and leaves the rest to Bun: bound by Bun, all destinations would share the ports of
 * that address (IP_BIND_ADDRESS_NO_PORT, ip(7)). `made` or `failed` is called at the end; the returned function cancels.
 * Throws NetError.
 */
export function connectFrom(
  libc: Libc,
  { localAddr, freeBind }: Exit & { readonly localAddr: string },
  addr: SocketAddr,
  made: (socket: BunSocket) => void,
  failed: (error: NetError) => void,
): () => void {
  const what = addressText(addr);
  const fd = libc.socket(family(addr.host), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError(libc.errno(), "connect to", what);
  setOption(libc, fd, IPPROTO_TCP, TCP_NODELAY, 1);
  setOption(libc, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (freeBind) setOption(libc, fd, IPPROTO_IP, IP_FREEBIND, 1);
  const local = encodeSockaddr({ host: localAddr, port: 0 }), peer = encodeSockaddr(addr);
  const errno = libc.bind(fd, local, local.length) < 0 || libc.connect(fd, peer, peer.length) < 0 ? libc.errno() : 0;
  if (errno !== 0 && errno !== EINPROGRESS) {
    libc.close(fd);
    throw errnoError(errno, "connect to", what);
  }
  let calledOff = false;
  let close = () => {};
  const opened = (socket: BunSocket) => {
    const look = () => {
      const errno = pendingError(libc, fd);
      if (errno === 0 && !nameOf(libc.getpeername, fd)) return; // not yet
      socket.divert(undefined);
      if (errno === 0) return made(socket);
      socket.close();
      failed(errnoError(errno, "connect to", what));
    };
    close = () => socket.close();
    if (calledOff) return close();
    const broken = () => failed(netError({ code: "ECONNREFUSED" }, "connect to", what)); // Bun has read the true one
    socket.divert({ data() {}, drain: look, end: look, closed: broken });
  };
  const opening: Opening = { remoteAddr: addr, opened };
  const options: Bun.FdSocketOptions<Opening> = {
    fd,
    allowHalfOpen: true,
    data: opening,
    socket: bunHandlers as unknown as Bun.SocketHandler<Opening>,
  };
  Bun.connect(options as unknown as Bun.TCPSocketConnectOptions<Opening>).catch((error) =>
    failed(netError(error, "connect to", what))
  );
  return () => {
    calledOff = true;
    close();
  };
}
