import { statSync, writeSync } from "node:fs";
import {
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  O_WRONLY,
  POLLOUT,
} from "../../net/kernel/libc/abi.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { checked } from "./descriptors.ts";
import type { Outlet } from "./output.ts";

/** Maximum size of an atomic write to a pipe (octets, pipe(7)). */
const PIPE_BUF = 4_096;

const LINE_END = 10;

/**
 * Writes to `fd`, most often a pipe, without blocking: a stalled reader would block the thread forever. O_NONBLOCK on a shared
 * pipe would affect other processes. Without libc, writes block.
 */
export function sharedOutlet(libc: Libc | undefined, fd: number): Outlet {
  const plain: Outlet = { write: (bytes) => writeSync(fd, bytes) };
  const path = `/proc/self/fd/${fd}`;
  const found = libc && statSync(path, { throwIfNoEntry: false });
  if (!libc || !found || found.isFile()) return plain;
  const part = (bytes: Uint8Array) => wholeLines(bytes) as Uint8Array<ArrayBuffer>;
  if (found.isSocket()) {
    return {
      write: (bytes) => {
        const lines = part(bytes);
        return checked(libc, libc.send(fd, lines, lines.length, MSG_DONTWAIT | MSG_NOSIGNAL));
      },
    };
  }
  // A new open file description has its own flags.
  const own = libc.open(new TextEncoder().encode(`${path}\0`), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  const to = own >= 0 ? own : fd;
  const asked = new Int32Array([to, POLLOUT]);
  return {
    write: (bytes) => {
      // Another user's pipe cannot be reopened: poll first; a ready pipe accepts PIPE_BUF octets.
      if (own < 0 && libc.poll(asked, 1, 0) === 0) throw Object.assign(new Error("EAGAIN"), { code: "EAGAIN" });
      const lines = part(bytes);
      return checked(libc, libc.write(to, lines, lines.length));
    },
  };
}

/** The whole lines of `bytes` that a pipe takes in one atomic write, so that other writers' lines do not mix in. */
function wholeLines(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= PIPE_BUF) return bytes;
  const end = bytes.lastIndexOf(LINE_END, PIPE_BUF - 1) + 1;
  return bytes.subarray(0, end > 0 ? end : PIPE_BUF);
}
