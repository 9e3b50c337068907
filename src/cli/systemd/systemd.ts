import process from "node:process";
import type { Health } from "../../admin/readiness.ts";
import { openKernel } from "../../net/open.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { monotonicUsec, sendToUnix } from "../../net/kernel/sockets/notify_socket.ts";

/** Interval of telling systemd the number of sessions, if it has changed (ms). */
const STATUS_MS = 5_000;

/** Assumed timeout of a watchdog unknown to this process (ms); its messages are harmless without a watchdog. */
const UNKNOWN_WATCHDOG_MS = 10_000;

/** Time for ending, besides the time for sessions (ms). */
const ENDING_MS = 10_000;

/** State of the program that systemd needs. */
export interface Watched {
  health(): Health;
  isWell(): boolean;
}

/** Reports the program's state to systemd (sd_notify(3)); does nothing without NOTIFY_SOCKET, or if libc cannot be called. */
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
   * Reads the variables and removes them from the environment: they are for this process, not for its children. A successor is
   * not started as the service's main process, and gets no variables of a watchdog.
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

  /** Reports that the program serves; if it succeeds another, as the service's main process. */
  ready(): void {
    this.#tell("READY=1", ...this.#succeeds ? [`MAINPID=${process.pid}`] : []);
    this.#tellStatus();
  }

  /** ready() follows. */
  reloading(): void {
    if (this.#libc) this.#tell("RELOADING=1", `MONOTONIC_USEC=${monotonicUsec(this.#libc)}`);
  }

  /** Reports that the program ends, within `deadlineMs` and ENDING_MS. */
  stopping(deadlineMs: number): void {
    this.#tell("STOPPING=1", `EXTEND_TIMEOUT_USEC=${Math.round((deadlineMs + ENDING_MS) * 1_000)}`);
    this.#tellStatus();
  }

  /** Sends no more reports. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  #tellStatus(): void {
    const { state, sessions } = this.#watched.health();
    const status = `STATUS=${state}, ${sessions} sessions`;
    if (status !== this.#status) this.#tell(this.#status = status);
  }

  /** Reports that no thread hangs. Without these reports, systemd restarts the program. */
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
