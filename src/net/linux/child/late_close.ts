import type { ChildCalls } from "../../kernel/libc/child_calls.ts";
import type { Libc } from "../../kernel/libc/libc.ts";

/** struct io_uring_params has 120 octets, and what is not set in it is 0. */
const params = new Uint8Array(120);
const REGISTER_FILES = 2;

/** The same on all architectures, as of all calls since Linux 5.1. */
export const IO_URING_SETUP = 425, IO_URING_REGISTER = 427;

/**
 * Has the kernel close `fd` after this process has ended, not before: to close a packet socket takes 8 to 12 ms, since all processors
 * are waited for (packet(7)), and the parent of this process would wait too. Files of an io_uring are closed by a thread of the
 * kernel; where it has none, or may have none, nothing is changed.
 */
export function closeLate(libc: Libc, calls: ChildCalls, fd: number): void {
  const files = Int32Array.of(fd);
  const ring = calls.syscall(IO_URING_SETUP, 1, libc.addressOf(params.buffer), 0, 0, 0);
  if (ring < 0) return;
  calls.syscall(IO_URING_REGISTER, ring, REGISTER_FILES, libc.addressOf(files.buffer), files.length, 0);
  void files;
}
