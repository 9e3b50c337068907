import { ConfigError } from "../../config/error.ts";
import { readAdminToken } from "./admin_token.ts";
import type { LoadedConfig } from "./config_file.ts";
import { readAuthorities, readTlsFiles, tlsFilesOf } from "./tls_files.ts";
import { loadUsers } from "./users_file.ts";

/** The files that a configuration was read from. */
export function namedFiles({ config, text }: LoadedConfig): readonly string[] {
  const named = [
    text.file?.path,
    config.usersFile,
    config.adminTokenFile,
    config.dnsCa,
    ...tlsFilesOf(config),
    ...config.users.map((user) => user.passwordFile),
    ...Object.keys(text.secrets),
  ];
  return named.filter((path) => path !== undefined);
}

/** Reads every file that a configuration names. Rejects with ConfigError with all that is wrong in any of them. */
export async function readNamedFiles({ config }: LoadedConfig): Promise<void> {
  const { users, usersFile, adminTokenFile, dnsCa } = config;
  const problems: string[] = [];
  for (
    const read of [
      () => loadUsers(users, usersFile),
      () => readAdminToken(adminTokenFile),
      () => readAuthorities(dnsCa),
      () => readTlsFiles(config),
    ]
  ) {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError(...problems);
}
