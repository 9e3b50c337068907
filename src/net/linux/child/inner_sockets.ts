import { readlinkSync } from "node:fs";
import { NetError } from "../../error.ts";
import { F_DUPFD_CLOEXEC, O_CLOEXEC, SOCK_CLOEXEC } from "../../kernel/libc/abi.ts";
import type { ChildCalls } from "../../kernel/libc/child_calls.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { AF_UNIX } from "../../kernel/libc/sockaddr.ts";
import { systemCalls as calls } from "../../kernel/libc/system_calls.ts";
import { CLONE_NEWNET, CLONE_NEWUSER, cString, startChild, type Step } from "./child.ts";
import { passingMessage, receiveDescriptors } from "./fd_passing.ts";

/** Sockets of a kind made per child. */
const BATCH = 16;

/** Below these numbers the child has its sockets, from 3 on; what it needs for that is above. */
const THEIRS_TO = 699, OURS_FROM = 950;
const SOCK_SEQPACKET = 5;

/**
 * Sockets in a program's own network. A thread of this process cannot enter it (setns(2) requires
 * capabilities here too), but a single-threaded child can, by our user namespace: it makes them, and passes them.
 */
export class InnerSockets {
  /** This process's libc, except that sockets made in within() belong to the program's network. */
  readonly libc: Libc;
  readonly #outer: Libc;
  readonly #child: ChildCalls;
  /** Steps by which a child enters. */
  readonly #enter: readonly Step[];
  readonly #made = new Map<string, number[]>();
  #inside = false;

  /** `pid` is a program that waits to begin. Throws NetError. */
  constructor(libc: Libc, child: ChildCalls, pid: number) {
    this.#outer = libc;
    this.#child = child;
    this.libc = {
      ...libc,
      socket: (domain, type, protocol) =>
        this.#inside ? this.#take(domain, type, protocol) : libc.socket(domain, type, protocol),
    };
    const [users, network] = ["user", "net"].map((kind) => this.#high(open(libc, `/proc/${pid}/ns/${kind}`)));
    const sameUsers = readlinkSync("/proc/self/ns/user") === readlinkSync(`/proc/${pid}/ns/user`);
    this.#enter = [
      ...sameUsers ? [] : [[calls.setns, users!, CLONE_NEWUSER] as const],
      [calls.setns, network!, CLONE_NEWNET],
    ];
  }

  /** Sockets that `make` opens before it returns belong to the program's network. */
  within<T>(make: () => T): T {
    this.#inside = true;
    try {
      return make();
    } finally {
      this.#inside = false;
    }
  }

  /** Throws NetError. */
  #take(domain: number, type: number, protocol: number): number {
    const kind = `${domain} ${type} ${protocol}`, made = this.#made.get(kind) ?? [];
    if (made.length === 0) made.push(...this.#make([calls.socket, domain, type, protocol]));
    this.#made.set(kind, made);
    const fd = made.pop();
    if (fd === undefined) throw new NetError("other", "Cannot have a socket in the network of a program");
    return fd;
  }

  #make(step: Step): number[] {
    const libc = this.#outer, ends = new Int32Array(2);
    if (libc.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
      throw errnoError(libc.errno(), "have", "a socket in the network of a program");
    }
    const ours = ends[0]!, theirs = this.#high(ends[1]!);
    const message = passingMessage(libc, Array.from({ length: BATCH }, (_, i) => 3 + i));
    const held: unknown[] = [message];
    try {
      const pid = startChild(libc, this.#child, 0, [
        ...this.#enter,
        [calls.close_range, 3, THEIRS_TO, 0],
        ...Array.from({ length: BATCH }, () => step),
        [calls.sendmsg, theirs, message.header, 0],
        [calls.exit_group, 0],
      ], held);
      libc.close(theirs);
      const received = receiveDescriptors(libc, ours);
      this.#child.waitpid(pid, new Int32Array(1), 0);
      void held;
      return received;
    } finally {
      libc.close(ours);
    }
  }

  /** The same descriptor at a number that the child does not use. */
  #high(fd: number): number {
    const libc = this.#outer, copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, OURS_FROM);
    libc.close(fd);
    if (copy < 0) throw errnoError(libc.errno(), "have", "a socket in the network of a program");
    return copy;
  }
}

function open(libc: Libc, path: string): number {
  const fd = libc.open(cString(path), O_CLOEXEC, 0);
  if (fd < 0) throw errnoError(libc.errno(), "open", path);
  return fd;
}
