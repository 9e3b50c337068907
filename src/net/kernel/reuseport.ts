import { readFileSync } from "node:fs";
import { parseIp } from "../../protocol/address.ts";
import type { SocketAddr } from "../socket.ts";
import { SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF, SOL_SOCKET } from "./libc/abi.ts";
import type { Libc } from "./libc/libc.ts";
import { setOption } from "./socket_option.ts";

/** The instruction of classic BPF that ends a program with a constant (linux/filter.h). */
const RETURN_CONSTANT = 0x06;

/**
 * Has the kernel give new connections of the address that `fd` listens on to the first that joined after `past` others
 * (SO_ATTACH_REUSEPORT_CBPF, socket(7)). Without it, what is on its way to a listener that closes is reset. It is one, since
 * places move when a listener closes, the last into the gap: the first successor keeps its place until all before it are gone,
 * where there are as many successors; and where there are no more, nobody is in that place then, which means any of them. The
 * kernel may refuse, as one before 4.5: then false.
 */
export function steerPast(libc: Libc, fd: number, past: number): boolean {
  const instruction = new DataView(new ArrayBuffer(8)); // struct sock_filter
  instruction.setUint16(0, RETURN_CONSTANT, true);
  instruction.setUint32(4, past, true);
  const program = new DataView(new ArrayBuffer(16)); // struct sock_fprog
  program.setUint16(0, 1, true);
  program.setBigUint64(8, BigInt(libc.addressOf(instruction.buffer)), true);
  return libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, new Uint8Array(program.buffer), 16) === 0;
}

/** Any listener may have new connections again. */
export function steerNoMore(libc: Libc, fd: number): void {
  setOption(libc, fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0);
}

/** How many sockets listen on this very address (proc(5), /proc/net/tcp). */
export function countListeners({ host, port }: SocketAddr): number {
  const octets = parseIp(host)!;
  let wanted = "";
  for (let word = 0; word < octets.length; word += 4) {
    for (let i = 3; i >= 0; i--) wanted += hex(octets[word + i]!, 2); // each word in the order of this machine
  }
  const LISTEN = "0A";
  return readFileSync(octets.length === 4 ? "/proc/net/tcp" : "/proc/net/tcp6", "latin1").split("\n")
    .filter((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return state === LISTEN && local === `${wanted}:${hex(port, 4)}`;
    }).length;
}

function hex(number: number, digits: number): string {
  return number.toString(16).toUpperCase().padStart(digits, "0");
}
