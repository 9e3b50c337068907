import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { until } from "./until.ts";

/** Stops one thread as ptrace(2) can, whom no signal reaches alone; it goes on when this program ends. */
const stopper = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
thread = int(sys.argv[1])
if libc.ptrace(SEIZE, thread, 0, 0) < 0: sys.exit(os.strerror(ctypes.get_errno()))
libc.ptrace(INTERRUPT, thread, 0, 0)
os.waitpid(thread, WALL)
print("stopped", flush=True)
sys.stdin.read()
`;

/** Why no thread can be stopped here; false where one can. */
export function cannotStopThreads(): string | false {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const { status, stderr } = spawnSync("python3", ["-c", stopper, String(child.pid)], { input: "", encoding: "utf8" });
  child.kill("SIGKILL");
  return status === 0 ? false : `no thread can be stopped: ${stderr || "no python3"}`.trim();
}

/** The threads of that process that serve clients: by their names, as the runtimes give them. */
export function workersOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number).filter((thread) => /^worker(-\d+)?$/i.test(nameOf(pid, thread)));
}

/** Empty of one that has ended since it was listed. */
function nameOf(pid: number, thread: number): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/comm`, "latin1").trim();
  } catch {
    return "";
  }
}

/** Has that thread hang until it is let go. */
export async function stopThread(thread: number): Promise<{ letGo(): void }> {
  const child: ChildProcess = spawn("python3", ["-c", stopper, String(thread)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let said = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => said += text);
  await until("the thread is stopped", () => said === "stopped\n");
  return { letGo: () => void child.stdin!.end() };
}
