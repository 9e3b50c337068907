import { Buffer } from "node:buffer";
import { writeSync } from "node:fs";
import type { Clock } from "../net/clock.ts";

const STDERR = 2;

/** Lines wait so long for company (ms), unless there is enough of it. */
const FLUSH_MS = 50, FLUSH_SIZE = 16 << 10;

/** What a reader that does not read may keep waiting; lines beyond it are lost, and counted. */
const MAX_WAITING_SIZE = 1 << 20;

/** Writes lines to standard error, many at a time. */
export class LogOutput {
  readonly #clock: Clock;
  #waiting = "";
  #lost = 0;
  #flushing: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(lines: string): void {
    if (this.#waiting.length > MAX_WAITING_SIZE) {
      this.#lost++;
      return;
    }
    this.#waiting += lines;
    if (this.#waiting.length < FLUSH_SIZE) this.#flushing ??= this.#clock.after(FLUSH_MS, () => this.flush());
    else this.flush();
  }

  flush(): void {
    this.#flushing?.();
    this.#flushing = undefined;
    if (this.#lost > 0 && this.#waiting.length < MAX_WAITING_SIZE) {
      this.#waiting += `gate46: ${this.#lost} log lines lost: standard error was not read\n`;
      this.#lost = 0;
    }
    let bytes = Buffer.from(this.#waiting);
    try {
      while (bytes.length > 0) bytes = bytes.subarray(writeSync(STDERR, bytes));
    } catch (error) {
      // A reader that is slow may come back; one that is gone does not.
      if ((error as { code?: string }).code !== "EAGAIN") bytes = bytes.subarray(bytes.length);
      else this.#flushing = this.#clock.after(FLUSH_MS, () => this.flush());
    }
    this.#waiting = bytes.toString();
  }
}
