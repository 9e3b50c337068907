/// <reference types="bun-types" />

/** Runs a garbage collection now, which takes about ten milliseconds. */
export function collect(): void {
  Bun.gc(true);
}
