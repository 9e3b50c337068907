import { statSync } from "node:fs";
import process from "node:process";
import type { LoadedConfig } from "./load_config.ts";
import { namedFiles } from "./named_files.ts";

const OTHERS_READ = 0o004;

/** A line for each file with secrets in it that every user of this machine can read. */
export function exposedSecrets(loaded: LoadedConfig): readonly string[] {
  if (process.platform === "win32") return []; // whose modes say nothing
  return filesWithSecrets(loaded).filter(isExposed)
    .map((path) => `Cannot keep ${path} secret: every user of this machine can read it (chmod o-r)`);
}

/** The files that passwords, keys and tokens stand in. */
export function filesWithSecrets(loaded: LoadedConfig): readonly string[] {
  return namedFiles(loaded).flatMap(({ path, secret }) => secret ? [path] : []);
}

function isExposed(path: string): boolean {
  try {
    return (statSync(path).mode & OTHERS_READ) !== 0;
  } catch {
    return false; // who reads it says why that cannot be
  }
}
