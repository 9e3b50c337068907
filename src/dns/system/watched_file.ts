import type { Clock } from "../../net/clock.ts";

/** A file that is changed by people or programs. */
export interface WatchedFile {
  /** Changes when the file may have changed; empty if there is no file. */
  version(): string;
  /** Its text; empty if there is no file. */
  read(): string;
}

/** Interval between checks (ms). */
const LOOK_MS = 1_000;

/** The result of `parse` for the current file; the same object as long as its text is the same. */
export function watched<T>(file: WatchedFile, parse: (text: string) => T, clock: Clock): () => T {
  let version: string | undefined, text: string | undefined, value: T;
  let lookedAt = -Infinity;
  return () => {
    const now = clock.now();
    if (now - lookedAt < LOOK_MS) return value;
    lookedAt = now;
    const current = file.version();
    if (current === version) return value;
    version = current;
    const read = file.read();
    if (read !== text) value = parse(text = read);
    return value;
  };
}
