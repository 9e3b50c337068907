import process from "node:process";
import type { ChildCalls } from "../../net/kernel/libc/child_calls.ts";
import { systemCalls } from "../../net/kernel/libc/system_calls.ts";
import type { Engine } from "../../net/linux/engine/engine.ts";

/** How often it looks whether the program has been stopped (ms); the thread wakes up as often anyway. */
const LOOK_MS = 100;

const P_PID = 1, WNOHANG = 1, WSTOPPED = 2, SIGCONT = 18, SIGTSTP = 20;

/** siginfo_t, of which only the signal's number is looked at; struct sigaction of the kernel, of whose set 8 octets count. */
const SIGINFO_SIZE = 128, ACTION_SIZE = 64, SET_SIZE = 8;

/** What the kernel knows by address alone must stay. */
const information = new Int32Array(SIGINFO_SIZE / 4);
const asIs = new Uint8Array(ACTION_SIZE), byDefault = new Uint8Array(ACTION_SIZE);

/**
 * Job control (credentials(7)): whoever waits for this process sees it stop when the program does, as a shell that is told `suspend`, and
 * the program goes on when this process does. A program that only catches SIGTSTP is not left without its gateway.
 */
export function stopWith(engine: Engine, calls: ChildCalls, pid: number): void {
  const { libc, timers } = engine;
  const address = libc.addressOf(information.buffer);
  process.on("SIGTSTP", () => {}); // the terminal tells the program too, which says whether it stops
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

/** Returns when this process goes on; at once where nobody could let it (an orphaned process group, setpgid(2)). */
function stopThisProcess({ libc }: Engine, calls: ChildCalls): void {
  const [old, fresh] = [libc.addressOf(asIs.buffer), libc.addressOf(byDefault.buffer)];
  calls.syscall(systemCalls.rt_sigaction, SIGTSTP, fresh, old, SET_SIZE, 0);
  const thread = calls.syscall(systemCalls.gettid, 0, 0, 0, 0, 0); // a signal of one's own arrives before the call returns
  calls.syscall(systemCalls.tgkill, process.pid, thread, SIGTSTP, 0, 0);
  calls.syscall(systemCalls.rt_sigaction, SIGTSTP, old, 0, SET_SIZE, 0);
}

/** A shell inside has a group of its own, which nobody outside knows. */
function continueGroup(calls: ChildCalls, pid: number): void {
  const group = calls.syscall(systemCalls.getpgid, pid, 0, 0, 0, 0);
  const ours = calls.syscall(systemCalls.getpgid, 0, 0, 0, 0, 0);
  calls.kill(group > 0 && group !== ours ? -group : pid, SIGCONT);
}
