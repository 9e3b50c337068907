import { resolve } from "node:path";
import process from "node:process";
import { openKernel } from "../../net/mod.ts";
import type { RawOptions } from "../../config/source.ts";
import { loadConfig, loadConfigFile } from "../files/config_file.ts";
import { readNamedFiles } from "../files/named_files.ts";
import { warnings } from "../files/warnings.ts";
import { print } from "../print.ts";
import { checkSocketOptions, refuseSocketOptions } from "../service/socket_options.ts";

/**
 * `gate46 check CONFIG`: the file alone, without environment and flags, and the files it names. Rejects with ConfigError
 * with all that is wrong.
 */
export async function checkCommand(path: string): Promise<void> {
  const loaded = await loadConfigFile(path);
  const kernel = loaded.config.engine === "portable" ? undefined : await openKernel();
  if (loaded.config.engine === "portable") refuseSocketOptions(loaded.config);
  if (kernel) checkSocketOptions(kernel, loaded.config, ["interface"]); // who checks seldom has the service's capabilities
  const { tls } = await readNamedFiles(loaded);
  for (const warning of warnings(loaded, tls.certificates)) process.stderr.write(`gate46: warning: ${warning}\n`);
  await print(`${path} is valid\n`);
}

/** `gate46 config`: what holds, and who says so. Rejects with ConfigError. */
export async function configCommand(flags: RawOptions): Promise<void> {
  const { effective, config, file } = await loadConfig(flags);
  const { printConfig } = await import("../../config/print.ts");
  await print(printConfig(effective, config.users, (path) => resolve(path), file));
}
