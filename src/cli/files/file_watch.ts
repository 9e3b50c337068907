import { statSync } from "node:fs";
import type { Clock } from "../../net/clock.ts";

/** How often files are looked at (ms). Looking works where a watch does not: on network mounts, and on links that are swapped. */
const LOOK_MS = 1_000;

/**
 * Calls `changed` when one of the files that `paths` names then is another than before, or has come, or gone, and has stayed so
 * from one look to the next: who writes a file in several steps has it read when it is whole. One that is named for the first
 * time has just been read. Returns how to end it.
 */
export function watchFiles(paths: () => readonly string[], changed: () => void, clock: Clock): () => void {
  let told = states(paths()), last = told;
  let cancel = () => {};
  const look = () => {
    const now = states(paths());
    const differs = (from: ReadonlyMap<string, string>) =>
      Array.from(now).some(([path, state]) => (from.get(path) ?? state) !== state);
    if (differs(told) && !differs(last)) {
      told = now;
      changed();
    }
    told = new Map([...now, ...told]);
    last = now;
    lookLater();
  };
  const lookLater = () => void (cancel = clock.after(LOOK_MS, look));
  lookLater();
  return () => cancel();
}

function states(paths: readonly string[]): ReadonlyMap<string, string> {
  return new Map(paths.map((path) => [path, stateOf(path)]));
}

function stateOf(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found ? [found.ino, found.size, found.mtimeMs].join() : "";
  } catch (error) {
    return String(error); // links that lead in a circle, a folder that may not be looked into
  }
}
