import { readFileSync } from "node:fs";
import { parseIp } from "../../../protocol/address.ts";
import type { SocketAddr } from "../../socket.ts";
import { SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF, SOL_SOCKET } from "../libc/abi.ts";
import type { Libc } from "../libc/libc.ts";
import { filterProgram } from "./filter_program.ts";
import { setOption } from "./socket_option.ts";

/** The instruction of classic BPF that ends a program with a constant (linux/filter.h). */
const RETURN_CONSTANT = 0x06;

/**
 * Makes the kernel give new connections to the first listener that joined the address of `fd` after `past` others
 * (SO_ATTACH_REUSEPORT_CBPF, socket(7)). Without it, connections on their way to a closing listener are reset. Only one
 * successor is chosen, since places move when a listener closes, the last into the gap: the first successor keeps its place
 * until all before it have closed, if there are as many successors; with fewer, that place is empty then, and any of them is
 * chosen. Returns false if the kernel refuses, as before 4.5.
 */
export function steerPast(libc: Libc, fd: number, past: number): boolean {
  const { program, held } = filterProgram(libc, [[RETURN_CONSTANT, 0, 0, past]]);
  const set = libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program, program.length);
  void held;
  return set === 0;
}

/** Gives new connections to any listener again. */
export function steerNoMore(libc: Libc, fd: number): void {
  setOption(libc, fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0);
}

/** Number of sockets that listen on exactly this address (proc(5), /proc/net/tcp). */
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
