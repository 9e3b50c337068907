import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { Libc } from "../../net/kernel/libc/libc.ts";

const F_GETFD = 1, FD_CLOEXEC = 1;

/** From here on numbers are needed to make the program by. */
const MOST = 256, FIRST_OTHER = 700;

/**
 * Descriptors above 2 that were given to this process to pass on, as a shell's `<(…)`. One that is closed on exec is not, but Bun
 * marks all so when it starts: there what is a pipe, a file or a socket is, and the runtime's own are of other kinds, or its executable.
 */
export function inheritedDescriptors(libc: Libc, marksAll: boolean): number[] {
  const numbers = readdirSync("/proc/self/fd").map(Number).filter((fd) => fd > 2 && fd < FIRST_OTHER);
  return numbers.filter((fd) => {
    const flags = libc.fcntl(fd, F_GETFD, 0);
    if (flags < 0) return false; // that of the listing itself
    return (flags & FD_CLOEXEC) === 0 || (marksAll && isGiven(fd));
  }).slice(0, MOST);
}

function isGiven(fd: number): boolean {
  try {
    const what = readlinkSync(`/proc/self/fd/${fd}`);
    if (what === process.execPath || what.startsWith("/memfd:")) return false;
    return /^(pipe|socket):|^\/(?!proc\/|dev\/u?random)/.test(what);
  } catch {
    return false;
  }
}

/** RLIMIT_NOFILE of the process that started this one: runtimes raise the soft limit of their own to the hard one. */
export function descriptorLimit(): { readonly soft: bigint; readonly hard: bigint } | undefined {
  try {
    const line = /^Max open files\s+(\d+)\s+(\d+)/m;
    const [, soft, hard] = line.exec(readFileSync(`/proc/${process.ppid}/limits`, "latin1"))!;
    const [, , own] = line.exec(readFileSync("/proc/self/limits", "latin1"))!;
    return hard === own ? { soft: BigInt(soft!), hard: BigInt(hard!) } : undefined;
  } catch {
    return undefined; // it is another user's, or gone
  }
}
