import type { Config } from "../../../config/config.ts";
import { type Finding, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Descriptors of a session: its two connections, and up to two pipes if the kernel moves the bytes. */
const LEAST_PER_SESSION = 2, MOST_PER_SESSION = 6;

/** Descriptors and memory (octets) of the program itself; memory of a session (octets), without kernel buffers. */
const OWN_DESCRIPTORS = 100, OWN_MEMORY = 150 << 20, MEMORY_PER_SESSION = 32 << 10;

/** Checks that the system's limits of this process allow --max-sessions. */
export function checkLimits(host: HostView, { gateway: { maxSessions } }: Config): readonly Finding[] {
  return [...descriptors(host, maxSessions), ...memory(host, maxSessions)];
}

function descriptors(host: HostView, maxSessions: number): readonly Finding[] {
  const { ok, note, problem } = findings("descriptors");
  const text = /^Max open files\s+(\d+|unlimited)/m.exec(host.read("/proc/self/limits") ?? "")?.[1];
  if (text === undefined) return [];
  const limit = text === "unlimited" ? Infinity : Number(text);
  const wanted = maxSessions * MOST_PER_SESSION + OWN_DESCRIPTORS;
  const change = `LimitNOFILE=${wanted} in the unit, ulimit -n ${wanted}, or a lower --max-sessions`;
  const sessions = Math.max(0, Math.floor((limit - OWN_DESCRIPTORS) / LEAST_PER_SESSION));
  if (sessions === 0) return [problem(`${text} may be open: not enough for one session`, change)];
  if (sessions < maxSessions) {
    return [
      note(`${text} may be open: enough for ${sessions} of ${maxSessions} sessions, then accepting pauses`, change),
    ];
  }
  if (limit < wanted) {
    return [
      note(`${text} may be open: ${maxSessions} sessions want up to ${wanted} when all move bytes at once`, change),
    ];
  }
  return [ok(`${text} may be open: enough for ${maxSessions} sessions`)];
}

function memory(host: HostView, maxSessions: number): readonly Finding[] {
  const { ok, note } = findings("memory");
  const total = Number(/^MemTotal:\s+(\d+) kB/m.exec(host.read("/proc/meminfo") ?? "")?.[1] ?? NaN) * 1_024;
  const group = host.read(`/sys/fs/cgroup${ownGroup(host)}/memory.max`) ?? host.read("/sys/fs/cgroup/memory.max");
  const bound = group !== undefined && /^\d+\s*$/.test(group) ? Number(group) : Infinity;
  const limit = Math.min(bound, Number.isNaN(total) ? Infinity : total);
  if (limit === Infinity) return [];
  const wanted = OWN_MEMORY + maxSessions * MEMORY_PER_SESSION;
  const [whose, change] = bound <= limit
    ? ["of this control group", `a limit of ${mebibytes(wanted)}, or a lower --max-sessions`]
    : ["of this host", "a lower --max-sessions"];
  return limit < wanted
    ? [note(`${mebibytes(limit)} ${whose}: ${maxSessions} sessions may want ${mebibytes(wanted)}`, change)]
    : [ok(`${mebibytes(limit)} ${whose}: enough for ${maxSessions} sessions`)];
}

/** The control group of this process (cgroups(7), version 2). */
function ownGroup(host: HostView): string {
  return /^0::(\/.*)$/m.exec(host.read("/proc/self/cgroup") ?? "")?.[1]?.replace(/\/$/, "") ?? "";
}

function mebibytes(octets: number): string {
  return `${Math.round(octets / (1 << 20))} MiB`;
}
