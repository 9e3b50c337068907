import process from "node:process";
import type { ChildCalls } from "../../net/kernel/libc/child_calls.ts";
import { systemCalls } from "../../net/kernel/libc/system_calls.ts";
import type { Engine } from "../../net/linux/engine/engine.ts";

/** Interval of checking whether the program is stopped (ms); the thread wakes up as often anyway. */
const LOOK_MS = 100;

const P_PID = 1, WNOHANG = 1, WSTOPPED = 2, SIGCONT = 18, SIGTSTP = 20;

/** Sizes (octets) of siginfo_t, of which only the signal number is read, of the kernel's struct sigaction, and of its mask. */
const SIGINFO_SIZE = 128, ACTION_SIZE = 64, SET_SIZE = 8;

/** The kernel has only the addresses of these buffers, so they must not be freed. */
const information = new Int32Array(SIGINFO_SIZE / 4);
const asIs = new Uint8Array(ACTION_SIZE), byDefault = new Uint8Array(ACTION_SIZE);

/**
 * Job control (credentials(7)): this process stops when the program does (a shell, by `suspend`) and its parent sees that;
 * the program continues when this process does. A program that only catches SIGTSTP keeps its gateway.
 */
export function stopWith(engine: Engine, calls: ChildCalls, pid: number): void {
  const { libc, timers } = engine;
  const address = libc.addressOf(information.buffer);
  process.on("SIGTSTP", () => {}); // the terminal signals the program too, and the program decides whether to stop
  const look = () => {
    information[0] = 0;
    const asked = calls.syscall(systemCalls.waitid, P_PID, pid, address, WSTOPPED | WNOHANG, 0);
    if (asked < 0) return; // it has ended
    if (information[0] !== 0) {
      stopThisProcess(engine, calls);
      continueGroup(calls, pid);
    }
    timers.after(LOOK_MS, look);
  };
  timers.after(LOOK_MS, look);
}

/** Returns when this process continues; at once if no process could continue it (an orphaned process group, setpgid(2)). */
function stopThisProcess({ libc }: Engine, calls: ChildCalls): void {
  const [old, fresh] = [libc.addressOf(asIs.buffer), libc.addressOf(byDefault.buffer)];
  calls.syscall(systemCalls.rt_sigaction, SIGTSTP, fresh, old, SET_SIZE, 0);
  const thread = calls.syscall(systemCalls.gettid, 0, 0, 0, 0, 0); // a signal to the own thread arrives before the call returns
  calls.syscall(systemCalls.tgkill, process.pid, thread, SIGTSTP, 0, 0);
  calls.syscall(systemCalls.rt_sigaction, SIGTSTP, old, 0, SET_SIZE, 0);
}

/** Continues the program's process group: a shell inside has its own group, unknown outside. */
function continueGroup(calls: ChildCalls, pid: number): void {
  const group = calls.syscall(systemCalls.getpgid, pid, 0, 0, 0, 0);
  const ours = calls.syscall(systemCalls.getpgid, 0, 0, 0, 0, 0);
  calls.kill(group > 0 && group !== ours ? -group : pid, SIGCONT);
}
