import { lstatSync, readlinkSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";

/** Links behind one another that are followed. */
const MAX_LINKS = 40;

/**
 * Throws where `path` is a link that another user has put into a folder for everybody, such as /tmp: it would have the log
 * written to a file of ours that they chose (proc_sys_fs(5), protected_symlinks, which not every system has).
 */
export function refuseForeignLink(path: string): void {
  const self = process.getuid?.();
  if (self === undefined) return; // Windows
  for (let at = path, links = 0; links < MAX_LINKS; links++) {
    const there = lstatSync(at, { throwIfNoEntry: false });
    if (!there?.isSymbolicLink()) return;
    const folder = statSync(dirname(at));
    const isForAll = (folder.mode & 0o002) !== 0;
    if (isForAll && there.uid !== self && there.uid !== folder.uid) {
      throw { code: `${at} is a link of another user (${there.uid}) in a folder for all` };
    }
    at = resolve(dirname(at), readlinkSync(at));
  }
}
