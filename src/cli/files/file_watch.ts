import { stat } from "node:fs/promises";
import type { Clock } from "../../net/clock.ts";

/** Interval between checks of the files (ms). Polling works where a watch does not: network mounts and swapped links. */
const LOOK_MS = 1_000;

/**
 * Calls `changed` when one of the files that `paths` then names was changed, created or removed, and stayed the same from one
 * check to the next: a file that is written in several steps is read when it is complete. A file that is named for the first
 * time has just been read. A lost network answers late, so one check runs at a time. Returns a function that ends the watch.
 */
export function watchFiles(paths: () => readonly string[], changed: () => void, clock: Clock): () => void {
  let told: States | undefined, last: States = new Map();
  let over = false;
  let cancel = () => {};
  const look = async () => {
    const now = await states(paths());
    if (over) return;
    const differs = (from: States) => Array.from(now).some(([path, state]) => (from.get(path) ?? state) !== state);
    if (told && differs(told) && !differs(last)) {
      told = now;
      changed();
    }
    told = new Map([...now, ...told ?? []]);
    last = now;
    cancel = clock.after(LOOK_MS, () => void look());
  };
  void look();
  return () => {
    over = true;
    cancel();
  };
}

type States = ReadonlyMap<string, string>;

async function states(paths: readonly string[]): Promise<States> {
  return new Map(await Promise.all(paths.map(async (path) => [path, await stateOf(path)] as const)));
}

async function stateOf(path: string): Promise<string> {
  try {
    const found = await stat(path);
    return [found.ino, found.size, found.mtimeMs].join();
  } catch (error) {
    const { code } = error as { code?: string };
    return code === "ENOENT" ? "" : String(error); // a loop of links, or a folder without permission to search it
  }
}
