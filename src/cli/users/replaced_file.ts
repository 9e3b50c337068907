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
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { ConfigError } from "../../config/config_error.ts";
import { type Clock, pause } from "../../net/clock.ts";
import { readText } from "../files/text_file.ts";
import { serviceGroup } from "./service_group.ts";
import { stateOf } from "../../net/error_words.ts";

/** A file of secrets that is new: only its owner may read it. */
const OWNER_ONLY = 0o600, GROUP_TOO = 0o640;

/** How often it looks whether another has finished, and for how long (ms). */
const LOOK_MS = 50, PATIENCE_MS = 5_000;

/**
 * Has `change` make another text of a file, which is read anew: nobody ever finds half of it, and mode and owner stay. One that is not there is begun as an
 * empty one. `FILE.lock` is the new text, and keeps others from changing the file meanwhile. Rejects with ConfigError, or with what
 * `change` throws; then the file is as before.
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
      writeAll(fd, new TextEncoder().encode(text));
      if (found) {
        chownSync(lock, found.uid, found.gid);
        chmodSync(lock, found.mode & 0o7777); // chown takes bits of the mode away
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

/** The package's service reads what root makes for it, and nobody else does. */
function forService(path: string, lock: string): void {
  const group = serviceGroup(path, process.getuid?.(), () => readFileSync("/etc/group", "utf8"));
  if (group === undefined) return;
  chownSync(lock, 0, group);
  chmodSync(lock, GROUP_TOO);
}

/** The file behind links: what replaces a link would leave the file as it was. */
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

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/** The new name lasts when power fails; where a system cannot do that, it lasts a moment later. */
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The file is whole all the same.
  }
}

function cannotChange(file: string, error: unknown): ConfigError {
  const state = codeOf(error) === "EBUSY" ? "it is mounted by itself, mount its folder (EBUSY)" : stateOf(error);
  return new ConfigError(`Cannot change ${file}: ${state}`);
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
