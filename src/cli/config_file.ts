import { dirname, resolve } from "node:path";
import process from "node:process";
import { type ReadConfig, readConfig } from "../config/config.ts";
import type { FileContent } from "../config/file.ts";
import { variableName } from "../config/options.ts";
import type { RawOptions } from "../config/source.ts";
import { readText } from "./users_file.ts";

/** All that a configuration is made of, as it was written; unlike what it comes to, it can be sent to another thread. */
export interface ConfigText {
  readonly file?: TomlText;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: RawOptions;
}

export interface TomlText {
  readonly path: string;
  readonly toml: string;
}

export interface LoadedConfig extends ReadConfig {
  readonly file: FileContent | undefined;
  readonly text: ConfigText;
}

/** The configuration of the file that a flag or a variable names, the environment and the flags. Rejects with ConfigError. */
export async function loadConfig(flags: RawOptions): Promise<LoadedConfig> {
  const path = flags.config ?? process.env[variableName("config")];
  return await parseConfigText({
    ...path && { file: readToml(String(path)) },
    environment: { ...process.env },
    flags,
  });
}

/** Rejects with ConfigError. */
export async function parseConfigText(text: ConfigText): Promise<LoadedConfig> {
  const { environment, flags } = text;
  const file = text.file && await parseToml(text.file);
  return { ...readConfig({ file, environment, flags }), file, text };
}

/** Rejects with ConfigError. */
export async function readConfigFile(path: string): Promise<FileContent> {
  return await parseToml(readToml(path));
}

function readToml(path: string): TomlText {
  return { path, toml: readText(path) };
}

async function parseToml({ path, toml }: TomlText): Promise<FileContent> {
  const { readFile } = await import("../config/file.ts"); // its libraries are loaded only where there is a file
  return readFile(toml, path, (relative) => resolve(dirname(path), relative));
}
