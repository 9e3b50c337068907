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

/** What a pipe takes whole or not at all (pipe(7)). */
const PIPE_BUF = 4_096;

const LINE_END = 10;

/**
 * What is open as `fd`, a pipe most often, written to without waiting: where its reader stands still, that would stop the
 * thread for good, and a pipe that others share may not be told not to wait. Without libc nothing else can be done.
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
  // Opened anew it has flags of its own.
  const own = libc.open(new TextEncoder().encode(`${path}\0`), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  const to = own >= 0 ? own : fd;
  const asked = new Int32Array([to, POLLOUT]);
  return {
    write: (bytes) => {
      // Of another user's pipe it is asked before whether it has room: so much it takes then.
      if (own < 0 && libc.poll(asked, 1, 0) === 0) throw Object.assign(new Error("EAGAIN"), { code: "EAGAIN" });
      const lines = part(bytes);
      return checked(libc, libc.write(to, lines, lines.length));
    },
  };
}

/** So much of `bytes` as a pipe takes at once, up to the end of a line: nobody else's comes within. */
function wholeLines(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= PIPE_BUF) return bytes;
  const end = bytes.lastIndexOf(LINE_END, PIPE_BUF - 1) + 1;
  return bytes.subarray(0, end > 0 ? end : PIPE_BUF);
}
