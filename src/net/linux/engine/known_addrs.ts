import type { SocketAddr } from "../../socket.ts";
import { AF_INET, decodeSockaddr, SOCKADDR_SIZE } from "../../kernel/libc/sockaddr.ts";

/** Maximum addresses kept: beyond it all are dropped, and those in use return. */
const MOST = 4_096;

/** Keeps senders from choosing addresses that collide. */
const secret = crypto.getRandomValues(new Int32Array(1))[0]!;

interface Known {
  readonly name: Uint8Array;
  readonly addr: SocketAddr;
}

/**
 * Addresses of datagrams by their struct sockaddr, for all sockets of one thread: where many hosts
 * answer, an object and its text were made for each datagram, which takes longer, of IPv6 ten times.
 */
export class KnownAddrs {
  readonly #byHash = new Map<number, Known>();

  /** The address in `name`, of SOCKADDR_SIZE octets; undefined where it is of another family. */
  find(name: Uint8Array<ArrayBuffer>): SocketAddr | undefined {
    const key = hash(name);
    const known = this.#byHash.get(key);
    if (known && sameName(known.name, name)) return known.addr;
    const addr = decodeSockaddr(name);
    if (!addr) return undefined;
    if (this.#byHash.size >= MOST) this.#byHash.clear();
    this.#byHash.set(key, { name: name.slice(), addr });
    return addr;
  }
}

function sameName(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0, size = sizeOf(b); i < size; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Behind the address of sockaddr_in stand zeros. */
function sizeOf(name: Uint8Array): number {
  return name[0] === AF_INET ? 8 : SOCKADDR_SIZE;
}

/** 30 bits, which both runtimes keep as an integer. */
function hash(name: Uint8Array): number {
  let sum = secret;
  for (let i = 0, size = sizeOf(name); i < size; i++) {
    sum = Math.imul(sum ^ name[i]!, 0x9e3779b1);
    sum ^= sum >>> 15;
  }
  return sum >>> 2;
}
