import { Buffer } from "node:buffer";
import type { Clock } from "../../net/clock.ts";

/** Lines wait so long for company (ms), unless there is enough of it. */
const FLUSH_MS = 50, FLUSH_SIZE = 16 << 10;

/** What a reader that does not read may keep waiting; lines beyond it are lost, and counted. */
const MAX_WAITING_SIZE = 1 << 20;

const LINE_END = 10;

/** Where lines go. */
export interface Outlet {
  /** How many octets it has taken, one at least. Throws { code }: EAGAIN where it can take none now. */
  write(bytes: Uint8Array): number;
}

/** Writes lines, many at a time. What cannot be written is lost, counted, and told as soon as it can be. */
export class LogOutput {
  readonly #clock: Clock;
  readonly #to: Outlet;
  readonly #notice: (lost: number, why: string) => string;
  #waiting = "";
  /** Not told of yet. */
  #lost = 0;
  #why = "";
  #lostInAll = 0;
  /** Whether what was written last may end within a line. */
  #torn = false;
  /** Whether the reader is behind: it is given time. */
  #slow = false;
  #flushing: (() => void) | undefined;

  /** `notice` makes the line that tells how many were lost. */
  constructor(clock: Clock, to: Outlet, notice: (lost: number, why: string) => string) {
    this.#clock = clock;
    this.#to = to;
    this.#notice = notice;
  }

  /** Lines that could not be written since the start. */
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
      // A reader that is slow may come back.
      if (tells) this.#lost = 0;
      if (written > 0) this.#torn = false;
      this.#waiting = bytes.subarray(written).toString();
      if (this.#slow) this.#flushing = this.#clock.after(FLUSH_MS, () => this.flush());
    } else {
      // One that is gone does not, nor what a full disk could not take.
      this.#torn = written === 0 || bytes[written - 1] !== LINE_END; // Deno does not say what it wrote before it failed
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
