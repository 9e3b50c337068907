import { readFileSync } from "node:fs";
import process from "node:process";
import type { ChildCalls } from "../../../kernel/libc/child_calls.ts";
import { EINVAL } from "../../../kernel/libc/errno.ts";
import type { Libc } from "../../../kernel/libc/libc.ts";
import { systemCalls } from "../../../kernel/libc/system_calls.ts";
import type { NotifiedCall } from "../calls/notifications.ts";
import type { ProgramSockets } from "./program_sockets.ts";

/** A pidfd of a thread, not of its process (pidfd_open(2), Linux 6.9). */
const PIDFD_THREAD = 0x80;

/** A program's own sockets, borrowed while it waits for the answer (pidfd_getfd(2)). */
export class BorrowedSockets implements ProgramSockets {
  readonly #libc: Libc;
  readonly #calls: ChildCalls;
  #byThread = true;

  constructor(libc: Libc, calls: ChildCalls) {
    this.#libc = libc;
    this.#calls = calls;
  }

  open({ tid }: Pick<NotifiedCall, "tid">, fd: number): number {
    const process = this.#process(tid);
    if (process < 0) return process;
    const got = this.#calls.syscall(systemCalls.pidfd_getfd, process, fd, 0, 0, 0);
    const errno = got < 0 ? this.#libc.errno() : 0;
    this.#libc.close(process);
    return got < 0 ? -errno : got;
  }

  /** None is kept. */
  forget(): void {}

  /** Not kept: the number of an ended thread may be reused. */
  #process(tid: number): number {
    if (this.#byThread) {
      const fd = this.#calls.syscall(systemCalls.pidfd_open, tid, PIDFD_THREAD, 0, 0, 0);
      if (fd >= 0) return fd;
      const errno = this.#libc.errno();
      if (errno !== EINVAL) return -errno;
      this.#byThread = false;
    }
    const fd = this.#calls.syscall(systemCalls.pidfd_open, leaderOf(tid), 0, 0, 0, 0);
    return fd < 0 ? -this.#libc.errno() : fd;
  }
}

function leaderOf(tid: number): number {
  try {
    return Number(/^Tgid:\s*(\d+)/m.exec(readFileSync(`/proc/${tid}/status`, "latin1"))![1]);
  } catch {
    return tid; // it is gone
  }
}

/** True if it is allowed, by a try on this process: a container's filter refuses it. */
export function mayBorrow(libc: Libc, calls: ChildCalls): boolean {
  const STDERR = 2;
  const fd = new BorrowedSockets(libc, calls).open({ tid: process.pid }, STDERR);
  if (fd >= 0) libc.close(fd);
  return fd >= 0 || fd === -9; // EBADF: there is none
}
