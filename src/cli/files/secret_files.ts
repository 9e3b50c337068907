import { statSync } from "node:fs";
import process from "node:process";
import type { LoadedConfig } from "./load_config.ts";
import { namedFiles } from "./named_files.ts";

const OTHERS_READ = 0o004;

/** One line for each file with secrets that every user of this machine can read. */
export function exposedSecrets(loaded: LoadedConfig): readonly string[] {
  if (process.platform === "win32") return []; // modes have no meaning there
  return filesWithSecrets(loaded).filter(isExposed)
    .map((path) =>
      `${path} contains passwords, keys or tokens, and every user of this machine can read it (chmod o-r)`
    );
}

/** The files that contain passwords, keys and tokens. */
export function filesWithSecrets(loaded: LoadedConfig): readonly string[] {
  return namedFiles(loaded).flatMap(({ path, secret }) => secret ? [path] : []);
}

function isExposed(path: string): boolean {
  try {
    return (statSync(path).mode & OTHERS_READ) !== 0;
  } catch {
    return false; // the code that reads it reports the error
  }
}
