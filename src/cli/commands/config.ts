import { resolve } from "node:path";
import process from "node:process";
import { ConfigError } from "../../config/error.ts";
import type { RawOptions } from "../../config/source.ts";
import { readAdminToken } from "../files/admin_token.ts";
import { loadConfig, loadConfigFile } from "../files/config_file.ts";
import { exposedSecrets } from "../files/secret_files.ts";
import { readAuthorities, readTlsFiles } from "../files/tls_files.ts";
import { loadUsers } from "../files/users_file.ts";

/**
 * `gate46 check CONFIG`: the file alone, without environment and flags, and the files it names. Rejects with ConfigError
 * with all that is wrong.
 */
export async function checkCommand(path: string): Promise<void> {
  const loaded = await loadConfigFile(path);
  const { users, usersFile, adminTokenFile, dnsCa } = loaded.config;
  const problems: string[] = [];
  for (
    const read of [
      () => loadUsers(users, usersFile),
      () => readAdminToken(adminTokenFile),
      () => readAuthorities(dnsCa),
      () => readTlsFiles(loaded.config),
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
  for (const warning of exposedSecrets(loaded)) process.stderr.write(`gate46: warning: ${warning}\n`);
  process.stdout.write(`${path} is valid\n`);
}

/** `gate46 config`: what holds, and who says so. Rejects with ConfigError. */
export async function configCommand(flags: RawOptions): Promise<void> {
  const { effective, config, file } = await loadConfig(flags);
  const { printConfig } = await import("../../config/print.ts");
  process.stdout.write(printConfig(effective, config.users, (path) => resolve(path), file));
}
