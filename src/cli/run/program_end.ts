import process from "node:process";
import { EPOLLIN } from "../../net/kernel/libc/abi.ts";
import type { ChildCalls } from "../../net/kernel/libc/child_calls.ts";
import { errnoError } from "../../net/kernel/libc/errno.ts";
import { systemCalls } from "../../net/kernel/libc/system_calls.ts";
import type { Engine } from "../../net/linux/engine/engine.ts";

const PR_SET_DUMPABLE = 4, PR_SET_CHILD_SUBREAPER = 36, WNOHANG = 1, SIG_DFL = 0;

/** Interval of checking for processes that the program left behind, and the time until the log tells of them (ms). */
const LOOK_MS = 100, TELL_MS = 1_000;

/** Signals that this process forwards to the program; the terminal sends it the others itself. */
const passedOn = { SIGTERM: 15, SIGHUP: 1, SIGUSR1: 10, SIGUSR2: 12 } as const;
const ofTerminal = ["SIGINT", "SIGQUIT"] as const;
/** Signals that end the wait for processes that the program left behind. */
const ending: ReadonlySet<string> = new Set(["SIGTERM", "SIGHUP", ...ofTerminal]);

/** How a program ended: by exit(3), or by a signal. */
export type ProgramEnd = { readonly code: number } | { readonly signal: number };

/** Signals to this process while the program runs, and after its end. */
export class PassedSignals {
  /** True if one ended the wait for processes that the program left behind. */
  ended = false;
  /** Undefined while the program runs. Its PID may be another process's afterwards. */
  #stopWaiting: (() => void) | undefined;

  /** Forwards signals to the program from now on; the terminal's signals reach it anyway. */
  constructor(pid: number, calls: ChildCalls) {
    for (const name of ofTerminal) process.on(name, () => this.#stopWaiting?.());
    for (const [name, signal] of Object.entries(passedOn)) {
      process.on(name, () => {
        if (!this.#stopWaiting) calls.kill(pid, signal);
        else if (ending.has(name)) this.#stopWaiting();
      });
    }
  }

  /** The program has ended: the next signal that ends a program calls `stopWaiting`. */
  programEnded(stopWaiting: () => void): void {
    this.#stopWaiting = () => {
      this.ended = true;
      stopWaiting();
    };
  }
}

/**
 * Resolves with how the program ended, once all processes that it started have ended too: they would lose their network. A
 * signal ends the wait for them. `waits` is called if it takes long. Rejects with NetError.
 */
export function programEnd(
  engine: Engine,
  calls: ChildCalls,
  pid: number,
  signals: PassedSignals,
  waits: () => void,
): Promise<ProgramEnd> {
  calls.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const pidfd = calls.syscall(systemCalls.pidfd_open, pid, 0, 0, 0, 0);
  if (pidfd < 0) throw errnoError(engine.libc.errno(), "watch", "a program");
  const status = new Int32Array(1);
  return new Promise((resolve) => {
    const untilAlone = (end: ProgramEnd, tellAt: number) => {
      let gone;
      do gone = calls.waitpid(-1, new Int32Array(1), WNOHANG); while (gone > 0);
      if (gone < 0) return resolve(end);
      const isDue = engine.timers.now() >= tellAt;
      if (isDue) waits();
      engine.timers.after(LOOK_MS, () => untilAlone(end, isDue ? Infinity : tellAt));
    };
    engine.own(pidfd);
    engine.poller.watch(pidfd, {
      ready() {
        if (calls.waitpid(pid, status, WNOHANG) !== pid) return;
        engine.poller.forget(pidfd);
        engine.close(pidfd);
        const signal = status[0]! & 0x7f;
        const end = signal === 0 ? { code: status[0]! >> 8 & 0xff } : { signal };
        signals.programEnded(() => resolve(end));
        untilAlone(end, engine.timers.now() + TELL_MS);
      },
    }, EPOLLIN);
  });
}

/** Ends as the program did, for the parent to see. Returns a shell's exit code for a signal that did not end this process. */
export function endAs(end: ProgramEnd, calls: ChildCalls): number {
  if ("code" in end) return end.code;
  const { signal } = end;
  for (const name of [...ofTerminal, ...Object.keys(passedOn)]) process.removeAllListeners(name);
  calls.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); // the program has dumped its core, and this process need not
  calls.signal(signal, SIG_DFL); // Bun would report a crash of its own
  calls.kill(process.pid, signal);
  return 128 + signal;
}
