import type { Clock } from "../../net/clock.ts";

/** A file that people or programs write. */
export interface WatchedFile {
  /** Differs from what it was where the file may have changed; empty where there is none. */
  version(): string;
  /** Its text; empty where there is none. */
  read(): string;
}

/** It is looked at again after so long (ms). */
const LOOK_MS = 1_000;

/** What `parse` makes of the file as it is now; the same object as long as its text is the same. */
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
