import { IPPROTO_IP, IPPROTO_IPV6 } from "../libc/abi.ts";
import type { Libc } from "../libc/libc.ts";

const value = new Uint8Array(4);
const view = new DataView(value.buffer);

/** Sets an option whose value is an int; false if the kernel refuses. */
export function setOption(libc: Libc, fd: number, level: number, name: number, number: number): boolean {
  view.setInt32(0, number, true);
  return libc.setsockopt(fd, level, name, value, 4) === 0;
}

/** Lets a socket receive and send for addresses of other hosts (ip(7)); false without the right (CAP_NET_ADMIN). */
export function setTransparent(libc: Libc, fd: number, six: boolean): boolean {
  const IP_TRANSPARENT = 19, IPV6_TRANSPARENT = 75;
  return six
    ? setOption(libc, fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    : setOption(libc, fd, IPPROTO_IP, IP_TRANSPARENT, 1);
}
