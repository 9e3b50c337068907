import { statSync } from "node:fs";
import process from "node:process";
import { withoutPassword } from "../../config/values.ts";
import type { LoadedConfig } from "./config_file.ts";

const OTHERS_READ = 0o004;

/** A line for each file with secrets in it that every user of this machine can read. */
export function exposedSecrets(loaded: LoadedConfig): readonly string[] {
  if (process.platform === "win32") return []; // whose modes say nothing
  return filesWithSecrets(loaded).filter(isExposed)
    .map((path) => `Cannot keep ${path} secret: every user of this machine can read it (chmod o-r)`);
}

/** The files that passwords, keys and tokens stand in. */
export function filesWithSecrets({ config, text, file }: LoadedConfig): readonly string[] {
  const urls = [...file?.rules ?? []].flatMap(({ via }) => via ?? []).concat(
    (file?.upstreams ?? []).flatMap(({ chains }) => chains.flat()),
  );
  const inFile = file?.users.some(({ password }) => password !== undefined) ||
    urls.some((url) => withoutPassword(url) !== url);
  const { usersFile, adminTokenFile, tlsKey, viaKey, users } = config;
  return [
    inFile ? text.file?.path : undefined,
    usersFile,
    tlsKey,
    viaKey,
    adminTokenFile,
    ...users.map(({ passwordFile }) => passwordFile),
    ...Object.keys(text.secrets),
  ].filter((path) => path !== undefined);
}

function isExposed(path: string): boolean {
  try {
    return (statSync(path).mode & OTHERS_READ) !== 0;
  } catch {
    return false; // who reads it says why that cannot be
  }
}
