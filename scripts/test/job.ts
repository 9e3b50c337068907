import { spawn } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { commandOf, end, MARK, markedProcesses, namespacesOf, removeNamespace } from "./leftovers.ts";

/** Something to run in a process group of its own. */
export interface Job {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The file that its output goes to. */
  readonly log: string;
  /** A folder, which is made, for its temporary files. */
  readonly place: string;
  readonly limitMs: number;
}

export interface Ended {
  /** The exit code; undefined where a signal, or the limit, has ended it. */
  readonly code: number | undefined;
  /** Why it is a failure however it exited: its limit, a signal, or what it left behind. */
  readonly problem: string | undefined;
  readonly output: string;
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Children of what has ended may take so long to follow. */
const FAREWELL_MS = 5_000;

/** Runs the command, says what the shell's children took, and passes on its exit code. */
const TIMED = '"$@" & pid=$!; echo "$pid" >"$0"; wait "$pid"; code=$?; times >>"$0"; exit "$code"';

let count = 0;

/** Runs `job` to its end, or to its limit. Its process group, processes, namespaces and temporary folder are gone afterwards. */
export async function runJob(job: Job, cut: AbortSignal): Promise<Ended> {
  // Below that of the run which this one may be a test of, so that nobody is left when that one is ended.
  const mark = [...process.env[MARK] ? [process.env[MARK]] : [], `${process.pid}-${++count}`].join("/");
  const accounts = `${job.place}.times`;
  mkdirSync(job.place);
  chmodSync(job.place, 0o1777); // tests have other users write there
  const log = openSync(job.log, "w");
  const startedAt = performance.now();
  const child = spawn("sh", ["-c", TIMED, accounts, ...job.command], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...job.env, TMPDIR: job.place, [MARK]: mark },
  });
  closeSync(log);
  let problem: string | undefined;
  const give = (reason: string) => () => {
    problem ??= reason;
    if (child.pid !== undefined) end(-child.pid);
  };
  const limit = setTimeout(give(`it did not end within ${Math.round(job.limitMs / 1_000)} s`), job.limitMs);
  const interrupt = give("it was interrupted");
  cut.addEventListener("abort", interrupt);
  const code = await new Promise<number | undefined>((resolve) => {
    child.on("error", () => resolve(undefined));
    child.on("exit", (code, signal) => {
      if (signal) problem ??= `${signal} has ended it`;
      resolve(code ?? undefined);
    });
  });
  clearTimeout(limit);
  cut.removeEventListener("abort", interrupt);
  const [pid, ...times] = read(accounts).split("\n");
  const left = await leftBehind(mark, Number(pid), problem === undefined);
  if (left.length > 0) problem ??= `it left behind: ${left.join(", ")}`;
  const output = read(job.log);
  rmSync(job.place, { recursive: true, force: true, maxRetries: 3 });
  rmSync(accounts, { force: true });
  return { code, problem, output, wallMs: performance.now() - startedAt, cpuMs: childrenMs(times) };
}

/** Ends what is still there of a run, and says what; `patient` where children may be about to end by themselves. */
async function leftBehind(mark: string, pid: number, patient: boolean): Promise<readonly string[]> {
  const deadline = performance.now() + (patient ? FAREWELL_MS : 0);
  let processes = markedProcesses(mark);
  while (processes.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    processes = markedProcesses(mark);
  }
  const left = processes.map(commandOf);
  processes.forEach(end);
  for (const name of namespacesOf(pid)) {
    left.push(`namespace ${name}`);
    removeNamespace(name);
  }
  return left;
}

/** CPU time of the shell's children, as `times` tells it in its second line: "0m1.230s 0m0.450s". */
function childrenMs([, children = ""]: readonly string[]): number {
  const parts = Array.from(children.matchAll(/(\d+)m([\d.]+)s/g));
  return parts.reduce((sum, [, minutes, seconds]) => sum + 60_000 * Number(minutes) + 1_000 * Number(seconds), 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
