import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { SocketAddr } from "../../net/socket.ts";
import type { Holder } from "./host_view.ts";

/** The state of listening sockets of each kind (Linux, tcp_states.h). */
const waiting = { tcp: "0A", udp: "07" } as const;

/** The process that listens on that port, on any address; undefined if another user owns it (proc(5)). */
export function portHolder({ port }: SocketAddr, udp = false): Holder | undefined {
  const kind = udp ? "udp" : "tcp";
  const inodes = new Set([kind, `${kind}6`].flatMap((table) => listening(`/proc/net/${table}`, waiting[kind], port)));
  if (inodes.size === 0) return undefined;
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) return { pid: Number(pid), name: nameOf(pid) };
    }
  }
  return undefined;
}

/** Inodes of the sockets that listen on `port`. */
function listening(table: string, state: string, port: number): readonly string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return read(table).split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[3] === state && fields[1]?.endsWith(wanted) ? [fields[9]!] : [];
  });
}

/** The program's name; for a runtime, also the program that it runs. */
function nameOf(pid: string): string {
  const [file = "", ...args] = read(`/proc/${pid}/cmdline`).split("\0");
  const base = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const script = /^(deno|bun|node)$/.test(base(file)) && args.find((arg) => /\.[cm]?[jt]s$/.test(arg));
  const own = script && base(script) === "mod.ts" ? `${base(file)} mod.ts of gate46` : "";
  return own || read(`/proc/${pid}/comm`).trim() || base(file);
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the process has ended, or belongs to another user
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
