import { ConfigError, gathering } from "../../config/config_error.ts";
import { optionKeys, optionOf } from "../../config/options.ts";
import { withoutPassword } from "../../config/values/values.ts";
import type { PasswordHash } from "../../gateway/users/password_hash.ts";
import { checkCommand } from "../authority/check_command.ts";
import { readAdminToken } from "./admin_token.ts";
import type { RuleLists } from "../../gateway/rules/value_list.ts";
import { type KeytabKey, readKeytab } from "./keytab.ts";
import { listFiles, readLists } from "./list_files.ts";
import type { LoadedConfig } from "./load_config.ts";
import { readTlsFiles, type TlsFiles } from "./tls_files.ts";
import { loadUsers } from "./users_file.ts";

/** A configuration file, or a file that it names. */
export interface NamedFile {
  readonly path: string;
  /** True if it contains passwords, keys or tokens. */
  readonly secret: boolean;
  /** True if a reload does not read it: only the log file. */
  readonly fixed: boolean;
}

export function namedFiles({ config, effective, text, file }: LoadedConfig): readonly NamedFile[] {
  const options = optionKeys.flatMap((key) => {
    const { path, fixed } = optionOf(key);
    return path ? named(effective[key]?.texts.at(-1), path === "secret", fixed) : [];
  });
  return [
    ...named(text.file?.path, holdsPassword(file)),
    ...options,
    ...listFiles(config.rules).flatMap((path) => named(path, false)),
    ...config.users.flatMap(({ passwordFile }) => named(passwordFile, true)),
    ...Object.keys(text.secrets).flatMap((path) => named(path, true)),
  ];
}

/** The files that a reload reads again. */
export function filesOfReload(loaded: LoadedConfig): readonly string[] {
  return namedFiles(loaded).flatMap(({ path, fixed }) => fixed ? [] : [path]);
}

function named(path: string | undefined, secret: boolean, fixed = false): readonly NamedFile[] {
  return path === undefined ? [] : [{ path, secret, fixed }];
}

function holdsPassword(file: LoadedConfig["file"]): boolean {
  const { users = [], rules = [], upstreams = [] } = file ?? {};
  const urls = [...rules.flatMap(({ via }) => via ?? []), ...upstreams.flatMap(({ chains }) => chains.flat())];
  return users.some(({ password }) => password !== undefined) || urls.some((url) => withoutPassword(url) !== url);
}

/** The contents of the files. */
export interface NamedContents {
  readonly users: ReadonlyMap<string, PasswordHash>;
  readonly tls: TlsFiles;
  readonly adminToken: string | undefined;
  /** The keys for GSSAPI clients, if there is a keytab. */
  readonly keys: readonly KeytabKey[] | undefined;
}

/**
 * Reads every file that a configuration names; `former` users with unchanged passwords keep their hashes. Rejects with
 * ConfigError, which lists all problems of all files.
 */
export async function readNamedFiles(
  { config, effective }: LoadedConfig,
  former?: NamedContents["users"],
): Promise<NamedContents> {
  const problems: string[] = [];
  const attempt = gathering(problems);
  const users = await attempt(() =>
    loadUsers(
      config.users,
      config.usersFile,
      former,
      (config.gssapiKeytab ?? config.authCommand ?? config.authUrl) !== undefined,
    )
  );
  await attempt(() => checkCommand(config.authCommand));
  const adminToken = await attempt(() => readAdminToken(config.adminTokenFile));
  const tls = await attempt(() => readTlsFiles(config));
  const { gssapiKeytab, gssapiService } = config;
  const keys = gssapiKeytab === undefined ? undefined : await attempt(() => readKeytab(gssapiKeytab, gssapiService));
  if (problems.length > 0) throw new ConfigError(...problems.map((problem) => withPlace(problem, effective)));
  return { users: users!, tls: tls!, adminToken, keys };
}

/** A problem with reading a file, and the option that names it. */
function withPlace(problem: string, effective: LoadedConfig["effective"]): string {
  const key = optionKeys.find((key) =>
    optionOf(key).path && problem.startsWith(`Cannot read ${effective[key]?.texts.at(-1)}: `)
  );
  return key ? `${problem}; ${effective[key]!.from}` : problem;
}

/** For commands that do not serve: reads the lists of rules too. Rejects with ConfigError, which lists all problems. */
export async function examineNamedFiles(loaded: LoadedConfig): Promise<NamedContents & { readonly lists: RuleLists }> {
  const [contents, lists] = await Promise.allSettled([readNamedFiles(loaded), readLists(loaded.config.rules)]);
  if (contents.status === "fulfilled" && lists.status === "fulfilled") return { ...contents.value, lists: lists.value };
  throw new ConfigError(...[contents, lists].flatMap((result) => {
    if (result.status === "fulfilled") return [];
    if (result.reason instanceof ConfigError) return result.reason.problems;
    throw result.reason;
  }));
}
