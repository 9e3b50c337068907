import { dirname, resolve } from "node:path";
import process from "node:process";
import { type ReadConfig, readConfig } from "../config/config.ts";
import type { FileContent } from "../config/file.ts";
import { variableName } from "../config/options.ts";
import type { RawOptions } from "../config/source.ts";
import { readText } from "./users_file.ts";

export interface LoadedConfig extends ReadConfig {
  readonly file: FileContent | undefined;
}

/** The configuration of the file that a flag or a variable names, the environment and the flags. Rejects with ConfigError. */
export async function loadConfig(flags: RawOptions): Promise<LoadedConfig> {
  const path = flags.config ?? process.env[variableName("config")];
  const file = path ? await readConfigFile(String(path)) : undefined;
  return { ...readConfig({ file, environment: process.env, flags }), file };
}

/** Rejects with ConfigError. */
export async function readConfigFile(path: string): Promise<FileContent> {
  const toml = readText(path);
  const { readFile } = await import("../config/file.ts"); // its libraries are loaded only where there is a file
  return readFile(toml, path, (relative) => resolve(dirname(path), relative));
}
