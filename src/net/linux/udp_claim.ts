import { addressText } from "../../protocol/address.ts";
import { IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEPORT, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET } from "../kernel/libc/abi.ts";
import { errnoError } from "../kernel/libc/errno.ts";
import type { Libc } from "../kernel/libc/libc.ts";
import { encodeSockaddr, family } from "../kernel/libc/sockaddr.ts";
import { nameOf } from "../kernel/sockets/kernel_probe.ts";
import { setOption } from "../kernel/sockets/socket_option.ts";
import type { SocketAddr } from "../socket.ts";
import type { ClaimedPort } from "./tcp_listener.ts";

/**
 * A UDP port for several sockets, if no other program has it, unless it is to be taken over. It is not kept open:
 * a socket without a reader would get a part of the datagrams. Throws NetError.
 */
export function claimUdp(libc: Libc, addr: SocketAddr, shared: boolean): ClaimedPort {
  const what = addressText(addr);
  const fd = libc.socket(family(addr.host), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError(libc.errno(), "listen on", what);
  if (addr.host.includes(":")) setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, addr.host === "::" ? 0 : 1);
  if (shared) setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  const name = encodeSockaddr(addr);
  const error = libc.bind(fd, name, name.length) < 0 ? errnoError(libc.errno(), "listen on", what) : undefined;
  const bound = error ? undefined : nameOf(libc.getsockname, fd)!;
  libc.close(fd);
  if (!bound) throw error;
  return { addr: addr.zone === undefined ? bound : { ...bound, zone: addr.zone }, release() {} };
}
