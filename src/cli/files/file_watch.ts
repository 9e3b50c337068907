import { statSync } from "node:fs";

/** How often files are looked at (ms). Looking works where a watch does not: on network mounts, and on links that are swapped. */
const LOOK_MS = 1_000;

/**
 * Calls `changed` when one of the files that `paths` names then is another than before, or has come, or gone, and has stayed so
 * from one look to the next: who writes a file in several steps has it read when it is whole. Returns how to end it.
 */
export function watchFiles(paths: () => readonly string[], changed: () => void): () => void {
  let told = state(paths()), last = told;
  const timer = setInterval(() => {
    const now = state(paths());
    if (now === last && now !== told) {
      told = now;
      changed();
    }
    last = now;
  }, LOOK_MS);
  return () => clearInterval(timer);
}

function state(paths: readonly string[]): string {
  return JSON.stringify(paths.map((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found ? [path, found.ino, found.size, found.mtimeMs] : [path];
  }));
}
