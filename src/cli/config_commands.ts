import process from "node:process";
import { readConfig } from "../config/config.ts";
import type { RawOptions } from "../config/source.ts";
import { loadConfig, readConfigFile } from "./config_file.ts";
import { readTlsFiles } from "./tls_files.ts";
import { loadUsers } from "./users_file.ts";

/** `gate46 check CONFIG`: the file alone, without environment and flags, and the files it names. Rejects with ConfigError. */
export async function checkCommand(path: string): Promise<void> {
  const { config } = readConfig({ file: await readConfigFile(path) });
  await loadUsers(config.users, config.usersFile);
  readTlsFiles(config);
  process.stdout.write(`${path} is valid\n`);
}

/** `gate46 config`: what holds, and who says so. Rejects with ConfigError. */
export async function configCommand(flags: RawOptions): Promise<void> {
  const { effective, config, file } = await loadConfig(flags);
  const { printConfig } = await import("../config/print.ts");
  process.stdout.write(printConfig(effective, config.users, file));
}
