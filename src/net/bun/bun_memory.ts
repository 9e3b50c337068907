/// <reference types="bun-types" />

/** Collects what is not needed any more, now: that takes some ten milliseconds. */
export function collect(): void {
  Bun.gc(true);
}
