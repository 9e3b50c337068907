import { statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import type { OptionKey } from "../../config/options.ts";
import { variableName } from "../../config/options.ts";
import type { RawOptions } from "../../config/source.ts";
import { loadConfig, type LoadedConfig } from "./load_config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Paths of the standard files: this user's (XDG Base Directory Specification), then the system's. */
export function standardPaths({ XDG_CONFIG_HOME, HOME }: Environment): readonly string[] {
  const home = XDG_CONFIG_HOME && isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : HOME && join(HOME, ".config");
  return [...home ? [join(home, "gate46/gate46.toml")] : [], "/etc/gate46/gate46.toml"];
}

/**
 * The configuration for a command about a gateway. If neither flags nor variables set one of `telling`, it includes the first
 * standard file, whose path goes to standard error. Rejects with ConfigError.
 */
export async function loadConfigHere(
  flags: RawOptions,
  telling: readonly OptionKey[] = ["config"],
): Promise<LoadedConfig> {
  const told = telling.some((key) => flags[key] ?? (process.env[variableName(key)] || undefined));
  return await loadConfig(flags, told ? undefined : standardFile());
}

/** The first standard file that exists; its path is written to standard error. */
export function standardFile(): string | undefined {
  const path = standardPaths(process.env).find(isThere);
  if (path !== undefined) process.stderr.write(`gate46: configuration: ${path}\n`);
  return path;
}

/** True also if the file may not be looked at: reading it then reports the error. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return (error as { code?: string }).code !== "ENOTDIR";
  }
}
