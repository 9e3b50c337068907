import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** The variable by which processes of one run are known. */
export const MARK = "TEST_RUN_MARK";

/** Processes other than this one that `mark` was given to, or one below it, and that live. None where there is no /proc. */
export function markedProcesses(mark: string): readonly number[] {
  const found: number[] = [];
  for (const name of entries("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const given = read(`/proc/${pid}/environ`).split("\0").find((variable) => variable.startsWith(`${MARK}=`));
    if (`${given}/`.startsWith(`${MARK}=${mark}/`) && !isDead(pid)) found.push(pid);
  }
  return found;
}

/** What a person knows a process by. */
export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).split("\0").join(" ").trim().slice(0, 100) || `process ${pid}`;
}

/** Network namespaces that the tests of process `pid` have made: their names begin with it. */
export function namespacesOf(pid: number): readonly string[] {
  return entries("/run/netns").filter((name) => name.startsWith(`g46-${pid}-`));
}

/** Ends what is in them, and removes them. */
export function removeNamespace(name: string): void {
  for (const pid of spawnSync("ip", ["netns", "pids", name]).stdout.toString().split("\n").filter(Boolean)) {
    end(Number(pid));
  }
  spawnSync("ip", ["netns", "del", name]);
}

/** Kills a process, or with a negative number a process group, that may be gone. */
export function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function isDead(pid: number): boolean {
  return /^\d+ \(.*\) [ZX]/s.test(read(`/proc/${pid}/stat`));
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // it is gone, or another user's
  }
}
