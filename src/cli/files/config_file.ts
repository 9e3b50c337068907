import { dirname, resolve } from "node:path";
import process from "node:process";
import { type ReadConfig, readConfig } from "../../config/config.ts";
import type { FileContent } from "../../config/file.ts";
import type { ReadPassword } from "../../config/hop_password.ts";
import { variableName } from "../../config/options.ts";
import type { RawOptions } from "../../config/source.ts";
import { readText } from "./text_file.ts";
import { readPasswordFile } from "./users_file.ts";

/** All that a configuration is made of, as it was written; unlike what it comes to, it can be sent to another thread. */
export interface ConfigText {
  readonly file?: TomlText;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: RawOptions;
  /** Passwords of upstreams, by the file each is alone in. */
  readonly secrets: Readonly<Record<string, string>>;
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
  return await load({ environment: { ...process.env }, flags }, path ? String(path) : undefined);
}

/** The configuration of that file alone. Rejects with ConfigError. */
export async function loadConfigFile(path: string, readPassword?: ReadPassword): Promise<LoadedConfig> {
  return await load({ environment: {}, flags: {} }, path, readPassword);
}

/** The configuration that `text` holds; nothing is read from anywhere else. Rejects with ConfigError. */
export async function parseConfigText(text: ConfigText): Promise<LoadedConfig> {
  return await parse(text, (path) => text.secrets[path]!);
}

async function load(
  said: Pick<ConfigText, "environment" | "flags">,
  path: string | undefined,
  readPassword: ReadPassword = readPasswordFile,
): Promise<LoadedConfig> {
  const secrets: Record<string, string> = {};
  const text = { ...said, ...path !== undefined && { file: readToml(path) }, secrets };
  return await parse(text, (path) => secrets[path] ??= readPassword(path));
}

async function parse(text: ConfigText, readPassword: ReadPassword): Promise<LoadedConfig> {
  const { environment, flags } = text;
  const file = text.file && await parseToml(text.file);
  return { ...readConfig({ file, environment, flags, readPassword }), file, text };
}

function readToml(path: string): TomlText {
  return { path, toml: readText(path) };
}

async function parseToml({ path, toml }: TomlText): Promise<FileContent> {
  const { readFile } = await import("../../config/file.ts"); // its libraries are loaded only where there is a file
  return readFile(toml, path, (relative) => resolve(dirname(path), relative));
}
