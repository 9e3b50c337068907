import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { ConfigError } from "../../config/config_error.ts";
import { type Clock, pause } from "../../net/clock.ts";
import { readText } from "../files/text_file.ts";
import { writeAll } from "../files/write_all.ts";
import { serviceGroup } from "./service_group.ts";
import { stateOf } from "../../net/error_words.ts";

/** Modes of a new file with secrets: readable by its owner only, or by its group too. */
const OWNER_ONLY = 0o600, GROUP_TOO = 0o640;

/** Interval between attempts to get the lock, and their timeout (ms). */
const LOOK_MS = 50, PATIENCE_MS = 5_000;

/**
 * Reads a file and replaces its text atomically by the result of `change`; mode and owner stay. A missing file counts as
 * empty. `FILE.lock` is the new text, and prevents other changes meanwhile. Rejects with ConfigError, or with the error of
 * `change`; the file is then unchanged.
 */
export async function changeFile(file: string, clock: Clock, change: (text: string) => string): Promise<void> {
  const path = target(file);
  const lock = `${path}.lock`;
  const fd = await openLock(lock, file, clock);
  let open = true, there = true;
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    const text = change(found ? await readText(path) : "");
    wrote(file, () => {
      writeAll(fd, text);
      if (found) {
        chownSync(lock, found.uid, found.gid);
        chmodSync(lock, found.mode & 0o7777); // chown clears bits of the mode
      } else forService(path, lock);
      fsyncSync(fd);
      closeSync(fd);
      open = false;
      renameSync(lock, path);
      there = false;
      syncFolder(dirname(path));
    });
  } finally {
    if (open) closeSync(fd);
    if (there) unlinkSync(lock);
  }
}

/** Lets the package's service, and no other user, read a file that root creates for it. */
function forService(path: string, lock: string): void {
  const group = serviceGroup(path, process.getuid?.(), () => readFileSync("/etc/group", "utf8"));
  if (group === undefined) return;
  chownSync(lock, 0, group);
  chmodSync(lock, GROUP_TOO);
}

/** The file behind links: replacing the link would leave the file unchanged. */
function target(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return file;
    throw cannotChange(file, error);
  }
}

async function openLock(lock: string, file: string, clock: Clock): Promise<number> {
  const until = clock.now() + PATIENCE_MS;
  for (;;) {
    try {
      return openSync(lock, "wx", OWNER_ONLY);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw cannotChange(file, error);
      if (clock.now() >= until) {
        throw new ConfigError(`Cannot change ${file}: another command is changing it; if none is, remove ${lock}`);
      }
    }
    await pause(clock, LOOK_MS);
  }
}

function wrote(file: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw cannotChange(file, error);
  }
}

/** Makes the rename survive a power failure; without support for this, it does so a moment later. */
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The file is complete anyway.
  }
}

function cannotChange(file: string, error: unknown): ConfigError {
  const state = codeOf(error) === "EBUSY" ? "it is mounted by itself, mount its folder (EBUSY)" : stateOf(error);
  return new ConfigError(`Cannot change ${file}: ${state}`);
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
