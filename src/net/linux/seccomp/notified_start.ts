import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { NetError } from "../../error.ts";
import { F_DUPFD_CLOEXEC, O_CLOEXEC } from "../../kernel/libc/abi.ts";
import type { ChildCalls } from "../../kernel/libc/child_calls.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import type { NotificationCalls } from "../../kernel/libc/notification_calls.ts";
import { systemCalls as calls } from "../../kernel/libc/system_calls.ts";
import { startChild } from "../child/child.ts";
import { execution, keepInherited, OURS_FROM, type ProgramStart } from "../child/program_steps.ts";
import { filterProgram } from "../../kernel/sockets/filter_program.ts";
import { callFilter } from "./calls/call_filter.ts";
import { Notifications } from "./calls/notifications.ts";
import { ProgramMemory } from "./calls/program_memory.ts";
import { mayBorrow } from "./sockets/borrowed_sockets.ts";

/** A program that waits to begin, and the listener of its system calls. */
export interface NotifyingProgram {
  readonly pid: number;
  readonly notifications: Notifications;
  /** True if its sockets are made here (MadeSockets). */
  readonly making: boolean;
  begin(): void;
}

const CLONE_FILES = 0x400, CLOSE_RANGE_UNSHARE = 2, NOTHING = 0xffff_ffff;
const PR_SET_PDEATHSIG = 1, PR_SET_NO_NEW_PRIVS = 38, SIGKILL = 9;
const SECCOMP_SET_MODE_FILTER = 1, SECCOMP_GET_ACTION_AVAIL = 2, NEW_LISTENER = 8, USER_NOTIFICATION = 0x7fc0_0000;
/** The caller and this process take turns on one processor, whose cache has the program's memory. */
const SET_FLAGS = 0x4008_2104, SYNC_WAKE_UP = 1;
const POLLIN = 1, START_MS = 10_000;

/**
 * Starts a program whose network system calls, and its children's, are reported here first (seccomp_unotify(2)).
 * It uses this host's network, and cannot gain privileges by execve(2). It waits to begin. Throws NetError if this
 * host refuses.
 */
export function startNotifying(
  libc: Libc,
  child: ChildCalls,
  notifying: NotificationCalls,
  program: ProgramStart,
): NotifyingProgram {
  refuseWhereUnknown(libc, child, notifying);
  const making = !mayBorrow(libc, child);
  const { program: filter, held } = filterProgram(libc, callFilter({ making }));
  const ready = pipe(libc), wait = pipe(libc);
  const octet = new Uint8Array(1);
  // What listens is made in the table of descriptors that is ours too; then the child has a table of its own.
  const pid = startChild(libc, child, CLONE_FILES, [
    [calls.prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0],
    [calls.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0],
    [calls.seccomp, SECCOMP_SET_MODE_FILTER, NEW_LISTENER, filter],
    [calls.close_range, NOTHING, NOTHING, CLOSE_RANGE_UNSHARE],
    ...keepInherited(program.inherited),
    [calls.write, ready[1], octet, 1],
    [calls.read, wait[0], octet, 1],
    [calls.prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0],
    ...execution(libc, program),
  ]);
  try {
    const poll = Int32Array.of(ready[0], POLLIN);
    if (libc.poll(poll, 1, START_MS) !== 1) throw cannot("it does not begin");
    const listener = listeners()[0];
    if (listener === undefined) {
      throw cannot("somebody listens to the system calls of this process already, as another gate46 run");
    }
    child.syscall(calls.ioctl, listener, SET_FLAGS, SYNC_WAKE_UP, 0, 0); // where the kernel can: Linux 6.6
    const notifications = new Notifications(libc, notifying, listener);
    return {
      pid,
      notifications,
      making,
      begin() {
        void held;
        libc.write(wait[1], octet, 1);
      },
    };
  } catch (error) {
    child.kill(pid, SIGKILL);
    child.waitpid(pid, new Int32Array(1), 0);
    throw error;
  }
}

/** Throws NetError. */
function refuseWhereUnknown(libc: Libc, child: ChildCalls, notifying: NotificationCalls): void {
  const action = new Uint8Array(8);
  new DataView(action.buffer).setUint32(0, USER_NOTIFICATION, true);
  if (child.syscall(calls.seccomp, SECCOMP_GET_ACTION_AVAIL, 0, libc.addressOf(action.buffer), 0, 0) < 0) {
    throw cannot("this kernel, or a filter around this process, has no notifications of seccomp (Linux 5.9)");
  }
  if (!ProgramMemory.isAllowed(libc, notifying, process.pid)) {
    throw cannot(
      "a filter around this process refuses process_vm_readv; start the container with --cap-add SYS_PTRACE",
    );
  }
}

function cannot(state: string): NetError {
  return new NetError("permission-denied", `Cannot hear the system calls of a program: ${state}`);
}

/** Ends of a pipe whose numbers are out of the way. Throws NetError. */
function pipe(libc: Libc): readonly [number, number] {
  const ends = new Int32Array(2);
  if (libc.pipe2(ends, O_CLOEXEC) < 0) throw errnoError(libc.errno(), "start", "a program");
  const high = (fd: number) => {
    const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, OURS_FROM);
    libc.close(fd);
    if (copy < 0) throw errnoError(libc.errno(), "start", "a program");
    return copy;
  };
  return [high(ends[0]!), high(ends[1]!)];
}

/** Descriptors of this process that listen to a filter. */
function listeners(): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    try {
      return /^anon_inode:\[?seccomp notify/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // that of the listing itself
    }
  });
}
