import { lstatSync, readlinkSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";

/** Maximum length of a chain of links. */
const MAX_LINKS = 40;

/**
 * Throws if `path` is a link of another user in a folder that everybody can write, such as /tmp: that user could make the log
 * overwrite a file of ours (proc_sys_fs(5), protected_symlinks, which not every system has).
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
