import process from "node:process";
import type { Health } from "../../admin/readiness.ts";
import { openKernel } from "../../net/open.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { monotonicUsec, sendToUnix } from "../../net/kernel/notify_socket.ts";

/** How often systemd is told how many sessions there are, where that has changed (ms). */
const STATUS_MS = 5_000;

/** A watchdog that nobody has told of waits as long, or longer; where there is none nobody minds (ms). */
const UNKNOWN_WATCHDOG_MS = 10_000;

/** What ending takes besides the time that sessions have (ms). */
const ENDING_MS = 10_000;

/** The program, as systemd wants to know it. */
export interface Watched {
  health(): Health;
  isWell(): boolean;
}

/** Tells systemd how the program is (sd_notify(3)): nothing where nobody is to be told, or libc cannot be called. */
export class Systemd {
  readonly #watched: Watched;
  readonly #libc: Libc | undefined;
  readonly #path: string;
  readonly #succeeds: boolean;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #status = "";
  #closed = false;

  private constructor(watched: Watched, libc: Libc | undefined, path: string, succeeds: boolean) {
    this.#watched = watched;
    this.#libc = libc;
    this.#path = path;
    this.#succeeds = succeeds;
  }

  /**
   * Takes what the environment says out of it: it is for this process, and none that it may start. Who succeeds another has not
   * been started as the service's main process, and is not told that there is a watchdog.
   */
  static async open(
    watched: Watched,
    succeeds: boolean,
    environment = process.env,
    pid = process.pid,
  ): Promise<Systemd> {
    const { NOTIFY_SOCKET: path = "", WATCHDOG_USEC, WATCHDOG_PID } = environment;
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete environment[name];
    const systemd = new Systemd(watched, /^[/@]./.test(path) ? await openKernel() : undefined, path, succeeds);
    if (!systemd.#libc) return systemd;
    systemd.#every(STATUS_MS, () => systemd.#tellStatus());
    const forThis = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
    const withinMs = forThis && WATCHDOG_USEC ? Number(WATCHDOG_USEC) / 1_000 : succeeds ? UNKNOWN_WATCHDOG_MS : 0;
    if (withinMs > 0) systemd.#every(withinMs / 2, () => systemd.#tellAlive());
    return systemd;
  }

  /** It serves; as the service's main process, where it succeeds another. */
  ready(): void {
    this.#tell("READY=1", ...this.#succeeds ? [`MAINPID=${process.pid}`] : []);
    this.#tellStatus();
  }

  /** ready() follows. */
  reloading(): void {
    if (this.#libc) this.#tell("RELOADING=1", `MONOTONIC_USEC=${monotonicUsec(this.#libc)}`);
  }

  /** It ends, within `deadlineMs` or a little more. */
  stopping(deadlineMs: number): void {
    this.#tell("STOPPING=1", `EXTEND_TIMEOUT_USEC=${Math.round((deadlineMs + ENDING_MS) * 1_000)}`);
    this.#tellStatus();
  }

  /** Says nothing any more. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  #tellStatus(): void {
    const { state, sessions } = this.#watched.health();
    const status = `STATUS=${state}, ${sessions} sessions`;
    if (status !== this.#status) this.#tell(this.#status = status);
  }

  /** A thread that is stuck is a reason to start the program again, which is what systemd does when it hears no more. */
  #tellAlive(): void {
    if (this.#watched.isWell()) this.#tell("WATCHDOG=1");
  }

  #every(ms: number, what: () => void): void {
    this.#timers.push(setInterval(what, ms));
  }

  #tell(...lines: readonly string[]): void {
    if (this.#libc && !this.#closed) sendToUnix(this.#libc, this.#path, lines.join("\n"));
  }
}
