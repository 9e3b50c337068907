import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

/** A shell's exit codes for a command that it cannot execute (POSIX 2.8.2). */
const NOT_FOUND = 127, NOT_EXECUTABLE = 126;

/** What is executed for a command; or why it cannot be, with the exit code. */
export type ProgramFile =
  | { readonly path: string; readonly args: readonly string[] }
  | { readonly code: number; readonly state: string };

/** The file of `command[0]`, found in PATH if it has no slash, as by execvp(3); a shell runs a file of unknown format. */
export function programFile(command: readonly string[], path = "/usr/local/bin:/usr/bin:/bin"): ProgramFile {
  const name = command[0]!;
  const places = name.includes("/") ? [name] : path.split(":").map((folder) => join(folder || ".", name));
  let refused = false;
  for (const place of places) {
    if (!isFile(place)) continue;
    if (!isExecutable(place)) {
      refused = true;
      continue;
    }
    return hasForm(place)
      ? { path: place, args: command }
      : { path: "/bin/sh", args: ["sh", place, ...command.slice(1)] };
  }
  return refused ? { code: NOT_EXECUTABLE, state: "permission denied" } : { code: NOT_FOUND, state: "not found" };
}

/** True if `path` is a file; false also if this user may not look. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Text has no octets below TAB or above TILDE. */
const TAB = 9, TILDE = 0x7e;

/** True if the kernel can execute the file: it starts with `#!`, or is no text. */
function hasForm(path: string): boolean {
  let file;
  try {
    file = openSync(path, "r");
  } catch {
    return true;
  }
  const head = new Uint8Array(4);
  const size = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  const text = String.fromCharCode(...head.subarray(0, size));
  return text.startsWith("#!") || head.subarray(0, size).some((octet) => octet < TAB || octet > TILDE);
}
