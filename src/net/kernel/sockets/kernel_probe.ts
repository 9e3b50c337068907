import { pause, systemClock } from "../../clock.ts";
import { readdirSync } from "node:fs";
import { addressText } from "../../../protocol/address.ts";
import { errnoKind, type NetErrorKind } from "../../error.ts";
import type { SocketAddr } from "../../socket.ts";
import { SO_ERROR, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from "../libc/abi.ts";
import { ECONNREFUSED, EINPROGRESS, errnoNames } from "../libc/errno.ts";
import type { Libc } from "../libc/libc.ts";
import {
  AF_UNIX,
  decodeSockaddr,
  decodeUnixSockaddr,
  encodeSockaddr,
  encodeUnixSockaddr,
  family,
  SOCKADDR_SIZE,
  SOCKADDR_UNIX_SIZE,
} from "../libc/sockaddr.ts";

/** Facts that only the kernel knows, by single libc calls. */

/** The local address the kernel's routes give towards `host`: connecting a UDP socket sends nothing. */
export function routedLocalAddr(libc: Libc, host: string): string | undefined {
  const fd = libc.socket(family(host), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const peer = encodeSockaddr({ host, port: 9 });
    return libc.connect(fd, peer, peer.length) < 0 ? undefined : nameOf(libc.getsockname, fd)?.host;
  } finally {
    libc.close(fd);
  }
}

/**
 * Why connecting to `addr` fails, for a runtime that will not say: connects once more and reads the errno. A host that
 * stays silent for `waitMs` did not refuse the first time either; it is taken for unreachable.
 */
export async function connectFailure(libc: Libc, addr: SocketAddr, waitMs: number): Promise<NetErrorKind> {
  const fd = libc.socket(family(addr.host), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return kindOf(libc.errno());
  try {
    const peer = encodeSockaddr(addr);
    if (libc.connect(fd, peer, peer.length) === 0) return "refused"; // it would be accepted now: the first was refused
    const errno = libc.errno();
    if (errno !== EINPROGRESS) return kindOf(errno);
    for (let waited = 0, ms = 1; waited <= waitMs; waited += ms, ms *= 2) {
      await pause(systemClock, ms);
      const errno = pendingError(libc, fd);
      if (errno !== 0) return kindOf(errno);
      if (nameOf(libc.getpeername, fd)) return "refused"; // connected, see above
    }
    return "host-unreachable";
  } finally {
    libc.close(fd);
  }
}

/** True if a program listens on the unix socket at `path`; one that denies access, or is busy, counts as alive. */
export function hasListener(libc: Libc, path: string): boolean {
  const fd = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const name = encodeUnixSockaddr(path);
  const dead = libc.connect(fd, name, name.length) < 0 && libc.errno() === ECONNREFUSED;
  libc.close(fd);
  return !dead;
}

/** Ends the connection of `fd` with RST: connecting to AF_UNSPEC dissolves it (connect(2)). The descriptor stays open. */
export function resetConnection(libc: Libc, fd: number): void {
  libc.connect(fd, new Uint8Array(16), 16);
}

/**
 * A storm of resets must not keep the thread busy with searching: at most a tenth of its time, at some 5 us per descriptor, and
 * 50 ms in one piece. They are counted, since by the clock a busy machine takes the time of others away from it too.
 */
const LOOKS_PER_MS = 20, MOST_LOOKS = 10_000;

/** The kernel gives the lowest number that is free: often that of a connection which was reset lately. */
const MOST_RECENT = 8;

/** Maximum connections begun at the same time as the sought one. */
const NEAR = 16;

const value = new Int32Array(1), valueSize = new Uint32Array(1);

/** SO_ERROR, which reading clears; 0 without an error. */
export function pendingError(libc: Libc, fd: number): number {
  valueSize[0] = 4;
  value[0] = 0;
  return libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, valueSize) < 0 ? libc.errno() : value[0]!;
}

/** Finds descriptors that the runtime hides, by the socket's two addresses. */
export class Descriptors {
  readonly #libc: Libc;
  readonly #now: () => number;
  readonly #known = new Map<string, number>();
  #recent: readonly number[] = [];
  #looks = MOST_LOOKS;
  #countedAt: number;

  constructor(libc: Libc, now = () => performance.now()) {
    this.#libc = libc;
    this.#now = now;
    this.#countedAt = now();
  }

  /** Undefined if it is not found, or if the search would cost too much now. */
  find(local: SocketAddr, remote: SocketAddr): number | undefined {
    const key = keyOf(local, remote);
    const likely = [this.#known.get(key), ...this.#recent];
    const fd = likely.find((fd) => fd !== undefined && this.#key(fd) === key) ?? this.#look(key);
    if (fd !== undefined) this.#recent = [fd, ...this.#recent.filter((one) => one !== fd)].slice(0, MOST_RECENT);
    return fd;
  }

  /** The same of a connection that was begun when `lowest` was the lowest free number. */
  findNear(local: SocketAddr, remote: SocketAddr, lowest: number): number | undefined {
    const key = `${addressText(local)} ${addressText(remote)}`;
    for (let fd = lowest; fd < lowest + NEAR; fd++) if (this.#key(fd) === key) return fd;
    return this.find(local, remote);
  }

  #look(key: string): number | undefined {
    const now = this.#now();
    this.#looks = Math.min(MOST_LOOKS, this.#looks + LOOKS_PER_MS * (now - this.#countedAt));
    this.#countedAt = now;
    if (this.#looks <= 0) return undefined;
    this.#known.clear();
    for (const name of readdirSync("/proc/self/fd")) {
      this.#looks--;
      const known = this.#key(Number(name));
      if (known) this.#known.set(known, Number(name));
    }
    return this.#known.get(key);
  }

  /** Undefined for a descriptor that is not a connection. */
  #key(fd: number): string | undefined {
    const local = nameOf(this.#libc.getsockname, fd);
    const remote = local && nameOf(this.#libc.getpeername, fd);
    return remote && keyOf(local, remote);
  }
}

/** Without zones, which not every runtime reports. */
function keyOf({ host, port }: SocketAddr, remote: SocketAddr): string {
  return `${addressText({ host, port })} ${addressText({ host: remote.host, port: remote.port })}`;
}

function kindOf(errno: number): NetErrorKind {
  return errnoKind(errnoNames[errno]);
}

const name = new Uint8Array(SOCKADDR_SIZE), nameSize = new Uint32Array(1);

/** The address of `fd` by `call`, getsockname or getpeername. */
export function nameOf(call: Libc["getsockname"], fd: number): SocketAddr | undefined {
  nameSize[0] = SOCKADDR_SIZE;
  return call(fd, name, nameSize) < 0 ? undefined : decodeSockaddr(name);
}

/** The path of the unix socket `fd`; undefined for another socket, or one without a path. */
export function unixNameOf(libc: Libc, fd: number): SocketAddr | undefined {
  const name = new Uint8Array(SOCKADDR_UNIX_SIZE), size = Uint32Array.of(SOCKADDR_UNIX_SIZE);
  return libc.getsockname(fd, name, size) < 0 ? undefined : decodeUnixSockaddr(name, size[0]!);
}
