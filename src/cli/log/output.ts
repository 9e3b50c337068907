import { Buffer } from "node:buffer";
import type { Clock } from "../../net/clock.ts";

/** Maximum time that lines are buffered (ms), and the buffer size at which they are written at once. */
const FLUSH_MS = 50, FLUSH_SIZE = 16 << 10;

/** Maximum size of lines that wait for a slow reader; further lines are lost and counted. */
const MAX_WAITING_SIZE = 1 << 20;

const LINE_END = 10;

/** The destination of lines. */
export interface Outlet {
  /** Returns the number of octets written, at least one. Throws { code }: EAGAIN if none can be written now. */
  write(bytes: Uint8Array): number;
}

/** Writes lines in batches. Lines that cannot be written are lost and counted; the count is written as soon as possible. */
export class LogOutput {
  readonly #clock: Clock;
  readonly #to: Outlet;
  readonly #notice: (lost: number, why: string) => string;
  #waiting = "";
  /** Lost lines that were not reported yet. */
  #lost = 0;
  #why = "";
  #lostInAll = 0;
  /** True if the last write may have ended within a line. */
  #torn = false;
  /** True if the reader is behind: writing then waits. */
  #slow = false;
  #flushing: (() => void) | undefined;

  /** `notice` makes the line that reports the number of lost lines. */
  constructor(clock: Clock, to: Outlet, notice: (lost: number, why: string) => string) {
    this.#clock = clock;
    this.#to = to;
    this.#notice = notice;
  }

  /** Number of lines that could not be written since the start. */
  get lostInAll(): number {
    return this.#lostInAll;
  }

  add(lines: string): void {
    if (this.#waiting.length > MAX_WAITING_SIZE) return this.#lose(1, "they were not read");
    this.#waiting += lines;
    if (this.#waiting.length < FLUSH_SIZE || this.#slow) {
      this.#flushing ??= this.#clock.after(FLUSH_MS, () => this.flush());
    } else this.flush();
  }

  flush(): void {
    this.#flushing?.();
    this.#flushing = undefined;
    if (this.#waiting === "") return;
    const gap = this.#torn ? "\n" : "";
    const lines = Buffer.from(`${gap}${this.#waiting}`);
    const tells = this.#lost > 0 && lines.length < MAX_WAITING_SIZE;
    const bytes = tells ? Buffer.concat([lines, Buffer.from(this.#notice(this.#lost, this.#why))]) : lines;
    let written = 0, why = "";
    try {
      while (written < bytes.length) written += this.#to.write(bytes.subarray(written));
    } catch (error) {
      why = (error as { code?: string }).code ?? String(error);
    }
    this.#slow = why === "EAGAIN";
    if (why === "" || this.#slow) {
      // A slow reader may catch up.
      if (tells) this.#lost = 0;
      if (written > 0) this.#torn = false;
      this.#waiting = bytes.subarray(written).toString();
      if (this.#slow) this.#flushing = this.#clock.after(FLUSH_MS, () => this.flush());
    } else {
      // A reader that has gone, or a full disk, does not.
      this.#torn = written === 0 || bytes[written - 1] !== LINE_END; // Deno does not report the octets written before a failure
      this.#lose(lineCount(lines.subarray(Math.max(written, gap.length))), why);
      this.#waiting = "";
    }
  }

  #lose(count: number, why: string): void {
    this.#lost += count;
    this.#lostInAll += count;
    this.#why = why;
  }
}

function lineCount(bytes: Uint8Array): number {
  let count = 0;
  for (const octet of bytes) if (octet === LINE_END) count++;
  return count;
}
