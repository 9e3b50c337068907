import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** No test waits longer (ms). */
const LONGEST_MS = 110_000;

/** Threads that start by themselves share nothing but files. */
const file = join(tmpdir(), `gate46-hang-${process.pid}`);

/** Has the one who hangs from now on do so until it is let go. */
export function mayHang(): { hangs(): boolean; letGo(): void } {
  writeFileSync(file, "");
  return { hangs: () => readFileSync(file, "utf8") !== "", letGo: () => rmSync(file, { force: true }) };
}

/** Hangs: not even the event loop of this thread goes on. */
export function hang(): void {
  if (existsSync(file)) writeFileSync(file, "hangs");
  const memory = new Int32Array(new SharedArrayBuffer(4));
  for (const end = performance.now() + LONGEST_MS; existsSync(file) && performance.now() < end;) {
    Atomics.wait(memory, 0, 0, 50);
  }
}
