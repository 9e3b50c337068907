import { type LoadedConfig, loadSaid } from "../../../src/cli/files/load_config.ts";

/** The configuration of that file alone, without flags and environment. Rejects with ConfigError. */
export function loadConfigFile(path: string): Promise<LoadedConfig> {
  return loadSaid({ file: { path }, environment: {}, flags: {} });
}
