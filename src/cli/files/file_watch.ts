import { stat } from "node:fs/promises";
import type { Clock } from "../../net/clock.ts";

/** How often files are looked at (ms). Looking works where a watch does not: on network mounts, and on links that are swapped. */
const LOOK_MS = 1_000;

/**
 * Calls `changed` when one of the files that `paths` names then is another than before, or has come, or gone, and has stayed so
 * from one look to the next: who writes a file in several steps has it read when it is whole. One that is named for the first
 * time has just been read. A network that is gone answers late: there is one look at a time. Returns how to end it.
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
    return code === "ENOENT" ? "" : String(error); // links that lead in a circle, a folder that may not be looked into
  }
}
