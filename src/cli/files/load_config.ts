import { dirname, resolve } from "node:path";
import process from "node:process";
import { examineConfig, type ExaminedConfig, type ReadConfig, withUpstreamPasswords } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import type { FileContent } from "../../config/file/config_file.ts";
import { flagName, variableName } from "../../config/options.ts";
import { remarks } from "../../config/remarks.ts";
import type { RawOptions } from "../../config/source.ts";
import { readText } from "./text_file.ts";
import { readPasswordFile } from "./users_file.ts";

/** All sources of a configuration, as text; unlike the parsed configuration, it can be sent to another thread. */
export interface ConfigText {
  readonly file?: TomlText;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: RawOptions;
  /** Passwords of upstreams, by the path of their password file. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface TomlText {
  readonly path: string;
  readonly toml: string;
  /** The parsed text, if it is known already. */
  readonly table?: FileContent["table"];
}

export interface LoadedConfig extends ReadConfig {
  readonly file: FileContent | undefined;
  readonly text: ConfigText;
  /** One line for each setting that is valid but probably not intended. */
  readonly remarks: readonly string[];
}

/** The text of a configuration, before its password files are read; its file may be a path alone. */
export type SaidConfig = Omit<ConfigText, "secrets" | "file"> & {
  readonly file?: Pick<TomlText, "path"> & Partial<TomlText>;
};

/** Configuration from flags, environment and the file that they name, else `otherwise`. Rejects with ConfigError. */
export async function loadConfig(flags: RawOptions, otherwise?: string): Promise<LoadedConfig> {
  return await loadSaid(said(flags, otherwise));
}

/** A configuration as far as it can be read. */
export type ExaminedFile = LoadedConfig & Pick<ExaminedConfig, "problems" | "broken">;

/** The configuration of that file alone, as far as it can be read. Rejects with ConfigError if it is not TOML. */
export async function examineConfigFile(path: string, readPassword?: ReadSecret): Promise<ExaminedFile> {
  return await examineSaid({ file: { path }, environment: {}, flags: {} }, readPassword);
}

/** The flags, the environment and the path of the file, which is `otherwise` if they name none. Throws ConfigError. */
export function said(flags: RawOptions, otherwise?: string): SaidConfig {
  if (flags.config === "") throw new ConfigError("Cannot read --config: the name of the file is empty");
  const path = flags.config ?? (process.env[variableName("config")] || otherwise);
  return { ...path && { file: { path: String(path) } }, environment: { ...process.env }, flags };
}

/** The configuration in `text`; no other source is read. Rejects with ConfigError. */
export async function parseConfigText(text: ConfigText): Promise<LoadedConfig> {
  const { config, ...read } = sound(await parse(text));
  return { ...read, config: withUpstreamPasswords(config, (path) => text.secrets[path]!) };
}

/** For a thread that gets the parsed rules: the text keeps only their upstreams, files, and whether a rule allows names. */
export function textWithoutRules({ text, file }: Pick<LoadedConfig, "text" | "file">): ConfigText {
  if (!file) return text;
  const left = new Map<string, unknown>();
  for (const { via, to_file, names_file } of file.plainRules as readonly Record<string, unknown>[]) {
    const rule = { action: "allow", via, to_file, names_file };
    if (via ?? to_file ?? names_file) left.set(JSON.stringify(rule), rule);
  }
  const named = file.rules.some(({ action, names, namesFiles }) => action === "allow" && (names ?? namesFiles));
  const rules = [...left.values(), ...named ? [{ action: "allow", names: "names.invalid" }] : []];
  const table = { ...file.table, rules } as FileContent["table"];
  return { ...text, file: { path: text.file!.path, toml: "", table } };
}

/** Parses the configuration of `said`. Rejects with ConfigError. */
export async function loadSaid(said: SaidConfig): Promise<LoadedConfig> {
  return sound(await examineSaid(said));
}

type ReadSecret = (path: string) => string | Promise<string>;

async function examineSaid(said: SaidConfig, readPassword: ReadSecret = readPasswordFile): Promise<ExaminedFile> {
  const file = said.file && { ...said.file, toml: said.file.toml ?? await readToml(said, readText) };
  const read = await parse({ ...said, file, secrets: {} });
  const secrets: Record<string, string> = {};
  const paths = new Set<string>(), failures = new Map<string, unknown>();
  withUpstreamPasswords(read.config, (path) => {
    paths.add(path);
    return "";
  });
  for (const path of paths) {
    try {
      secrets[path] = await readPassword(path);
    } catch (error) {
      failures.set(path, error);
    }
  }
  const text = { ...read.text, secrets };
  try {
    const config = withUpstreamPasswords(read.config, (path) => {
      if (failures.has(path)) throw failures.get(path);
      return secrets[path]!;
    });
    return { ...read, config, text };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { ...read, text, problems: [...read.problems, ...error.problems] };
  }
}

/** Throws ConfigError if there are problems. */
function sound({ problems, broken: _, ...loaded }: ExaminedFile): LoadedConfig {
  if (problems.length > 0) throw new ConfigError(...problems);
  return loaded;
}

/** Reads the file that `said` names with `read`. Rejects with ConfigError, which says what names the file. */
export async function readToml<T>(
  { file, flags, environment }: SaidConfig,
  read: (path: string) => Promise<T>,
): Promise<T> {
  try {
    return await read(file!.path);
  } catch (error) {
    const variable = variableName("config");
    const who = flags.config !== undefined ? flagName("config") : environment[variable] ? variable : undefined;
    if (who === undefined || !(error instanceof ConfigError)) throw error;
    throw new ConfigError(...error.problems.map((problem) => `${problem}; ${who}`));
  }
}

async function parse(text: ConfigText): Promise<ExaminedFile> {
  const { environment, flags } = text;
  const file = text.file && await parseToml(text.file);
  const read = examineConfig({ file, environment, flags });
  return { ...read, file, text, remarks: remarks(read.config, file?.placed) };
}

async function parseToml({ path, toml, table }: TomlText): Promise<FileContent> {
  const { readFile, readTable } = await import("../../config/file/config_file.ts"); // loads its libraries only for a file
  const fromHere = (relative: string) => resolve(dirname(path), relative);
  return table ? readTable(table, toml, path, fromHere) : readFile(toml, path, fromHere);
}
