import { closeSync, constants, openSync, writeSync } from "node:fs";
import { errnoNames } from "../../net/kernel/libc/errno.ts";
import { O_APPEND, O_CLOEXEC, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } from "../../net/kernel/libc/abi.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";

/** Appends to files without waiting: a FIFO may have no reader, or a stalled one. All functions throw { code }. */
export interface Descriptors {
  /** `mode` applies to a new file. */
  append(path: string, mode: number): number;
  /** Returns the number of octets written. */
  write(fd: number, bytes: Uint8Array): number;
  close(fd: number): void;
}

export const ofRuntime: Descriptors = {
  append: (path, mode) =>
    openSync(
      path,
      constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0),
      mode,
    ),
  write: writeSync,
  close: closeSync,
};

/** By libc, since Deno 2.4 ignores O_NONBLOCK and reports wrong counts. */
export function ofLibc(libc: Libc): Descriptors {
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  return {
    append: (path, mode) => checked(libc, libc.open(new TextEncoder().encode(`${path}\0`), flags, mode)),
    write: (fd, bytes) => checked(libc, libc.write(fd, bytes as Uint8Array<ArrayBuffer>, bytes.length)),
    close: (fd) => void libc.close(fd),
  };
}

/** The result of a libc call; throws if the call failed. */
export function checked(libc: Libc, result: number): number {
  if (result >= 0) return result;
  const errno = libc.errno();
  const code = errnoNames[errno] ?? `errno ${errno}`;
  throw Object.assign(new Error(code), { code });
}
