import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { Libc } from "../../net/kernel/libc/libc.ts";

const F_GETFD = 1, FD_CLOEXEC = 1;

/** Maximum descriptors inherited; first number reserved for starting the program. */
const MOST = 256, FIRST_OTHER = 700;

/**
 * Descriptors above 2 that this process was given to pass on, such as a shell's `<(…)`: those without FD_CLOEXEC. Bun sets it
 * on all at its start (`marksAll`): then pipes, files and sockets pass; the runtime's own are of other kinds, or its file.
 */
export function inheritedDescriptors(libc: Libc, marksAll: boolean): number[] {
  const numbers = readdirSync("/proc/self/fd").map(Number).filter((fd) => fd > 2 && fd < FIRST_OTHER);
  return numbers.filter((fd) => {
    const flags = libc.fcntl(fd, F_GETFD, 0);
    if (flags < 0) return false; // the descriptor of the listing itself
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

/** RLIMIT_NOFILE of the parent process: runtimes raise their own soft limit to the hard limit. */
export function descriptorLimit(): { readonly soft: bigint; readonly hard: bigint } | undefined {
  try {
    const line = /^Max open files\s+(\d+)\s+(\d+)/m;
    const [, soft, hard] = line.exec(readFileSync(`/proc/${process.ppid}/limits`, "latin1"))!;
    const [, , own] = line.exec(readFileSync("/proc/self/limits", "latin1"))!;
    return hard === own ? { soft: BigInt(soft!), hard: BigInt(hard!) } : undefined;
  } catch {
    return undefined; // the parent belongs to another user, or is gone
  }
}
