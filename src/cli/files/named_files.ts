import type { Certificate } from "../../admin/certificates.ts";
import { ConfigError } from "../../config/error.ts";
import { readAdminToken } from "./admin_token.ts";
import type { LoadedConfig } from "./config_file.ts";
import { readTlsFiles } from "./tls_files.ts";
import { loadUsers } from "./users_file.ts";

/** Reads every file that a configuration names; how long the certificates in them hold. Rejects with ConfigError with all that is wrong in any of them. */
export async function readNamedFiles({ config }: LoadedConfig): Promise<readonly Certificate[]> {
  const { users, usersFile, adminTokenFile } = config;
  let certificates: readonly Certificate[] = [];
  const problems: string[] = [];
  for (
    const read of [
      () => loadUsers(users, usersFile),
      () => readAdminToken(adminTokenFile),
      () => ({ certificates } = readTlsFiles(config)),
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
  return certificates;
}
